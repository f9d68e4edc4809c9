import type { FileHandle } from 'node:fs/promises';
import { openRegularFile } from '../files/open-regular-file.js';
import { reasonOf } from '../files/reason-of.js';
import { UserError } from '../user-error.js';
import { locateHeader, parseHeader, PREAMBLE_BYTES, type NpyHeader } from './npy-header.js';

/** Vectors from a file: `rows x dimensions`, row-major. */
export interface NpyVectors {
  readonly rows: number;
  readonly dimensions: number;
  /** float64 files are rounded to float32. */
  readonly values: Float32Array;
  /** Finite float64 values too large for float32, which became infinite. */
  readonly overflowCount: number;
}

export interface ReadNpyOptions {
  /** Accept a one-dimensional array as a single vector. */
  readonly allowSingle?: boolean | undefined;
  readonly onProgress?: ((doneBytes: number, totalBytes: number) => void) | undefined;
}

const ELEMENT_BYTES: Readonly<Record<string, 4 | 8>> = { '<f4': 4, '<f8': 8 };
/** Read in parts: Node does not allow single reads beyond 2 GiB, and the progress bar needs updates. */
const PIECE_BYTES = 16 * 2 ** 20;

/**
 * Reads vectors from an `.npy` file: format 1.0 to 3.0, float32 or float64, little-endian, C order, at least one row.
 *
 * @throws UserError with the name of the file and the problem
 */
export async function readNpy(path: string, options: ReadNpyOptions = {}): Promise<NpyVectors> {
  let file: FileHandle | undefined;
  try {
    file = await openRegularFile(path);
    return await readVectors(file, options);
  } catch (error) {
    if (error instanceof UserError) throw new UserError(`${path}: ${error.message}`);
    if (file === undefined) throw new UserError(`${path}: cannot read the file (${reasonOf(error)})`);
    throw error;
  } finally {
    await file?.close();
  }
}

async function readVectors(file: FileHandle, { allowSingle, onProgress }: ReadNpyOptions): Promise<NpyVectors> {
  const status = await file.stat();
  const place = locateHeader(await readUpTo(file, 0, PREAMBLE_BYTES + 4));
  const headerBytes = await readUpTo(file, place.start, place.end - place.start);
  if (headerBytes.length < place.end - place.start) throw new UserError('truncated: the file ends in its header');
  const header = parseHeader(new TextDecoder().decode(headerBytes));
  const { elementBytes, rows, dimensions } = requireVectors(header, allowSingle === true);

  const dataBytes = status.size - place.end;
  const expectedBytes = rows * dimensions * elementBytes;
  if (dataBytes !== expectedBytes) {
    const problem = dataBytes < expectedBytes ? 'truncated' : 'too long';
    throw new UserError(
      `${problem}: ${describeShape(header.shape)} ${header.descr} needs ${expectedBytes} bytes, got ${dataBytes}`,
    );
  }

  const values = new Float32Array(rows * dimensions);
  let overflowCount = 0;
  for (let done = 0; done < dataBytes; done += PIECE_BYTES) {
    onProgress?.(done, dataBytes);
    const piece = await readUpTo(file, place.end + done, Math.min(PIECE_BYTES, dataBytes - done));
    if (piece.length < Math.min(PIECE_BYTES, dataBytes - done)) {
      throw new UserError('truncated: the file became shorter while it was read');
    }
    overflowCount += copyElements(piece, elementBytes, values.subarray(done / elementBytes));
  }
  onProgress?.(dataBytes, dataBytes);
  return { rows, dimensions, values, overflowCount };
}

function requireVectors(
  { descr, fortranOrder, shape }: NpyHeader,
  allowSingle: boolean,
): { elementBytes: 4 | 8; rows: number; dimensions: number } {
  if (!Object.hasOwn(ELEMENT_BYTES, descr)) {
    throw new UserError(`dtype ${descr}, expected <f4 or <f8 (float32 or float64, little-endian)`);
  }
  const isSingle = allowSingle && shape.length === 1;
  if (shape.length !== 2 && !isSingle) {
    const wanted = allowSingle ? 'one vector or rows x dimensions' : 'rows x dimensions';
    throw new UserError(`shape ${describeShape(shape)}, expected ${wanted}`);
  }
  const [rows, dimensions] = isSingle ? [1, shape[0]] : [shape[0], shape[1]];
  if (rows === 0 || dimensions === 0) {
    throw new UserError(`shape ${describeShape(shape)}, expected at least one row and one dimension`);
  }
  if (fortranOrder && !isSingle) {
    throw new UserError('Fortran order, expected C order (save it with numpy.ascontiguousarray)');
  }
  return { elementBytes: ELEMENT_BYTES[descr], rows, dimensions };
}

/** In the notation of a Python tuple. */
function describeShape(shape: readonly number[]): string {
  return shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
}

/** Reads `length` bytes from `position`, or fewer at the end of the file. */
async function readUpTo(file: FileHandle, position: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}

/** Converts little-endian elements to float32; returns the number that overflowed. Every supported machine is little-endian. */
function copyElements(piece: Uint8Array<ArrayBuffer>, elementBytes: 4 | 8, output: Float32Array): number {
  if (elementBytes === 4) {
    output.set(new Float32Array(piece.buffer, piece.byteOffset, piece.byteLength / 4));
    return 0;
  }
  const elements = new Float64Array(piece.buffer, piece.byteOffset, piece.byteLength / 8);
  let overflowCount = 0;
  for (let i = 0; i < elements.length; i++) {
    output[i] = elements[i];
    if (!Number.isFinite(output[i]) && Number.isFinite(elements[i])) overflowCount += 1;
  }
  return overflowCount;
}
