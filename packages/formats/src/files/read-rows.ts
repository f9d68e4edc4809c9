import { ELEMENT_BYTES, rawView, type ElementType } from '../elements/element-type.js';
import { VectorBatch } from '../vector-batch.js';
import type { InputFile } from './input-file.js';

/** Rows that follow one another in a file. */
export interface RowsInFile {
  /** Position of the first element. */
  readonly position: number;
  readonly rows: number;
  readonly dimensions: number;
  readonly dtype: ElementType;
  readonly scale: number;
  readonly isBigEndian: boolean;
}

/** Reads the rows in batches. The file has all of them: the caller has compared its size. */
export async function* readRows(
  file: InputFile,
  place: RowsInFile,
  maxRows: number,
): AsyncGenerator<VectorBatch, void> {
  const { position, rows, dimensions, dtype, isBigEndian } = place;
  const rowBytes = dimensions * ELEMENT_BYTES[dtype];
  for (let start = 0; start < rows; start += maxRows) {
    const count = Math.min(maxRows, rows - start);
    const bytes = await file.read(position + start * rowBytes, count * rowBytes, 'its rows');
    if (isBigEndian) swapBytes(bytes, ELEMENT_BYTES[dtype]);
    yield new VectorBatch(place, start, rawView(dtype, bytes.buffer, 0, count * dimensions));
  }
}

/** Every machine that Gearshift supports is little-endian. */
function swapBytes(bytes: Uint8Array, elementBytes: 1 | 2 | 4 | 8): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (elementBytes === 2) buffer.swap16();
  if (elementBytes === 4) buffer.swap32();
  if (elementBytes === 8) buffer.swap64();
}
