import { UserError } from '../user-error.js';

/** The contents of an `.npy` header. */
export interface NpyHeader {
  /** numpy's name of the element type, such as `<f4`. */
  readonly descr: string;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
}

/** Bytes before the length of the header: magic string and two version bytes. */
export const PREAMBLE_BYTES = 8;
const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]; // \x93NUMPY
/** numpy itself refuses to parse longer headers. */
const MAX_HEADER_BYTES = 10_000;

/** The position of the header in an `.npy` file. */
export interface HeaderPlace {
  readonly start: number;
  readonly end: number;
}

/**
 * Finds the header from the first twelve bytes: format versions 1.0 to 3.0 of numpy.lib.format, which differ in the
 * width of its length and in its encoding.
 *
 * @throws UserError if the bytes are not an `.npy` file of a known version
 */
export function locateHeader(first: Uint8Array): HeaderPlace {
  if (first.length < PREAMBLE_BYTES || MAGIC.some((byte, index) => first[index] !== byte)) {
    throw new UserError('not an .npy file (it does not begin with \\x93NUMPY)');
  }
  const [major, minor] = [first[6], first[7]];
  if (major < 1 || major > 3 || minor !== 0) {
    throw new UserError(`.npy format ${major}.${minor} is not supported, expected 1.0, 2.0 or 3.0`);
  }
  const lengthBytes = major === 1 ? 2 : 4;
  const start = PREAMBLE_BYTES + lengthBytes;
  if (first.length < start) throw new UserError('truncated: the file ends in its header');
  const view = new DataView(first.buffer, first.byteOffset, first.byteLength);
  const headerBytes = major === 1 ? view.getUint16(PREAMBLE_BYTES, true) : view.getUint32(PREAMBLE_BYTES, true);
  if (headerBytes > MAX_HEADER_BYTES) {
    throw new UserError(`.npy header of ${headerBytes} bytes, expected at most ${MAX_HEADER_BYTES}`);
  }
  return { start, end: start + headerBytes };
}

/**
 * Parses the header: a Python dictionary with the keys `descr`, `fortran_order` and `shape`.
 *
 * @throws UserError if it is anything else
 */
export function parseHeader(header: string): NpyHeader {
  const descr = /'descr'\s*:\s*(?:'([^']*)'|([[(]))/.exec(header);
  const fortranOrder = /'fortran_order'\s*:\s*(True|False)\b/.exec(header);
  const shape = /'shape'\s*:\s*\(([\d\s,L]*)\)/.exec(header);
  const isDictionary = /^\s*\{[^{}]*\}\s*$/.test(header);
  if (!isDictionary || descr === null || fortranOrder === null || shape === null) {
    throw new UserError('the .npy header cannot be read');
  }
  if (descr[2] !== undefined) throw new UserError('records of several fields, expected plain float32 or float64');
  return {
    descr: descr[1],
    fortranOrder: fortranOrder[1] === 'True',
    // Python 2 wrote long integers as 3L.
    shape: (shape[1].match(/\d+/g) ?? []).map(Number),
  };
}
