import { ELEMENT_BYTES, FormatError, openVectors } from '@gearshift/formats';
import { UserError } from '../user-error.js';

/** Vectors from a file: `rows x dimensions`, row-major. */
export interface Vectors {
  readonly rows: number;
  readonly dimensions: number;
  /** Other element types are rounded to float32. */
  readonly values: Float32Array;
  /** Finite float64 values too large for float32, which became infinite. */
  readonly overflowCount: number;
}

export interface ReadVectorsOptions {
  /** Accept a one-dimensional array as a single vector. */
  readonly allowSingle?: boolean | undefined;
  readonly onProgress?: ((doneBytes: number, totalBytes: number) => void) | undefined;
}

/** The progress bar needs updates. */
const PIECE_BYTES = 16 * 2 ** 20;

/**
 * Reads all vectors of a file into memory: at least one row.
 *
 * @throws UserError with the name of the file and the problem
 */
export async function readVectors(path: string, options: ReadVectorsOptions = {}): Promise<Vectors> {
  try {
    return await readAll(path, options);
  } catch (error) {
    throw error instanceof FormatError ? new UserError(error.message) : error;
  }
}

async function readAll(path: string, { allowSingle, onProgress }: ReadVectorsOptions): Promise<Vectors> {
  await using file = await openVectors(path, { allowSingle });
  const { dimensions, sizeBytes } = file;
  const parts: Float32Array[] = [];
  const rowBytes = dimensions * ELEMENT_BYTES[file.dtype];
  // Rows that the file is large enough for go straight to their place. Otherwise their number may be a lie.
  const isPlain = file.rows !== undefined && file.rows * rowBytes <= sizeBytes;
  const whole = isPlain ? new Float32Array(Number(file.rows) * dimensions) : undefined;
  const maxRows = Math.max(1, Math.floor(PIECE_BYTES / rowBytes));
  let rows = 0;
  let doneBytes = 0;
  let overflowCount = 0;
  for await (const batch of file.batches({ maxRows })) {
    onProgress?.(doneBytes, sizeBytes);
    const place = whole?.subarray(rows * dimensions, (rows + batch.rows) * dimensions);
    const values = batch.toFloat32(place);
    if (whole === undefined) parts.push(values);
    if (batch.dtype === 'float64') overflowCount += countOverflows(batch.raw, values);
    rows += batch.rows;
    doneBytes += batch.raw.byteLength;
  }
  if (rows === 0) throw new UserError(`${path}: shape (0, ${dimensions}), expected at least one row and one dimension`);
  onProgress?.(doneBytes, doneBytes);
  return { rows, dimensions, values: whole ?? concatenate(parts), overflowCount };
}

function countOverflows(numbers: ArrayLike<number>, rounded: Float32Array): number {
  let count = 0;
  for (let i = 0; i < rounded.length; i++) {
    if (!Number.isFinite(rounded[i]) && Number.isFinite(numbers[i])) count += 1;
  }
  return count;
}

function concatenate(parts: readonly Float32Array[]): Float32Array {
  const values = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    values.set(part, offset);
    offset += part.length;
  }
  return values;
}
