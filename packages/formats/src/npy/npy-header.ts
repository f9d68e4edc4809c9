import type { InputFile } from '../files/input-file.js';

/** The contents of an `.npy` header. */
export interface NpyHeader {
  /** numpy's name of the element type, such as `<f4`. */
  readonly descr: string;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
}

/** Bytes before the length of the header: magic string and two version bytes. */
const PREAMBLE_BYTES = 8;
export const NPY_MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]; // \x93NUMPY
/** numpy itself refuses to parse longer headers. */
const MAX_HEADER_BYTES = 10_000;

/**
 * Reads the header of format version 1.0 to 3.0 of numpy.lib.format, which differ in the width of its length and in its encoding.
 *
 * @returns the header and the position of the first element
 * @throws FormatError if it is not an `.npy` file of a known version, or its header cannot be read
 */
export async function readNpyHeader(file: InputFile): Promise<{ header: NpyHeader; dataStart: number }> {
  const first = await file.read(0, Math.min(PREAMBLE_BYTES + 4, file.sizeBytes));
  if (first.length < PREAMBLE_BYTES || NPY_MAGIC.some((byte, index) => first[index] !== byte)) {
    throw file.error('foreign', 'not an .npy file (it does not begin with \\x93NUMPY)', 0);
  }
  const [major, minor] = [first[6], first[7]];
  if (major < 1 || major > 3 || minor !== 0) {
    throw file.error('unsupported', `.npy format ${major}.${minor} is not supported, expected 1.0, 2.0 or 3.0`, 6);
  }
  const start = PREAMBLE_BYTES + (major === 1 ? 2 : 4);
  if (first.length < start) throw file.error('truncated', 'truncated: the file ends in its header', file.sizeBytes);
  const view = new DataView(first.buffer);
  const headerBytes = major === 1 ? view.getUint16(PREAMBLE_BYTES, true) : view.getUint32(PREAMBLE_BYTES, true);
  if (headerBytes > MAX_HEADER_BYTES) {
    const problem = `.npy header of ${headerBytes} bytes, expected at most ${MAX_HEADER_BYTES}`;
    throw file.error('too-large', problem, PREAMBLE_BYTES);
  }
  const bytes = await file.read(start, headerBytes, 'its header');
  const header = parseNpyHeader(new TextDecoder(major === 3 ? 'utf-8' : 'latin1').decode(bytes));
  if (typeof header === 'string') throw file.error('damaged', `the .npy header cannot be read: ${header}`, start);
  return { header, dataStart: start + headerBytes };
}

/** An entry of the dictionary, such as `'shape': (2, 3)`. */
const ENTRY = /^(['"])(\w+)\1\s*:\s*(?:(['"])([^'"\\]*)\3|(True|False)\b|\(([\d\s,L]*)\)|(\[))\s*/;

/** Parses the header: a Python dictionary with the keys `descr`, `fortran_order` and `shape`. Returns the problem if it is anything else. */
export function parseNpyHeader(text: string): NpyHeader | string {
  const dictionary = text.trim();
  if (!dictionary.startsWith('{') || !dictionary.endsWith('}')) return 'expected a Python dictionary';
  const entries = new Map<string, string | boolean | readonly number[]>();
  let rest = dictionary.slice(1, -1).trim();
  while (rest !== '') {
    const match = ENTRY.exec(rest);
    if (match === null) return "expected 'key': value";
    const [entry, , key, , string, truth, tuple, list] = match;
    if (list !== undefined) return 'records of several fields, expected one element type';
    const value = string ?? (truth === undefined ? parseTuple(tuple) : truth === 'True');
    if (value === undefined) return 'expected a tuple of sizes as shape';
    if (entries.has(key)) return `'${key}' stands twice`;
    entries.set(key, value);
    rest = rest.slice(entry.length);
    if (rest.startsWith(',')) rest = rest.slice(1).trimStart();
    else if (rest !== '') return 'expected a comma';
  }
  const [descr, fortranOrder, shape] = ['descr', 'fortran_order', 'shape'].map((key) => entries.get(key));
  if (typeof descr !== 'string' || typeof fortranOrder !== 'boolean' || !Array.isArray(shape) || entries.size !== 3) {
    return 'expected descr, fortran_order and shape';
  }
  return { descr, fortranOrder, shape: shape as readonly number[] };
}

/** `2, 3` as numbers. Python 2 wrote long integers as 3L. */
function parseTuple(text: string): readonly number[] | undefined {
  const parts = text.split(',').map((part) => part.trim());
  if (parts.at(-1) === '') parts.pop();
  // Without a comma, the parentheses are no tuple.
  else if (parts.length === 1) return undefined;
  return parts.every((part) => /^\d+L?$/.test(part)) ? parts.map((part) => Number.parseInt(part, 10)) : undefined;
}
