import { ELEMENT_BYTES, rawView, type ElementType } from '../elements/element-type.js';
import type { InputFile } from '../files/input-file.js';
import { requireDimensions } from '../limits.js';
import { VectorBatch } from '../vector-batch.js';
import type { VectorFormat, VectorReader } from '../vector-file.js';

const DTYPES: Readonly<Record<string, ElementType>> = { fvecs: 'float32', bvecs: 'uint8', ivecs: 'int32' };
/** Every vector begins with its number of dimensions, an int32. */
const PREFIX_BYTES = 4;

/** Opens the format of the TEXMEX benchmarks: every vector is its number of dimensions and its elements, all little-endian. */
export async function openVecs(file: InputFile, format: VectorFormat): Promise<VectorReader> {
  const dtype = DTYPES[format];
  if (file.sizeBytes < PREFIX_BYTES) {
    throw file.error(
      'truncated',
      `truncated: expected at least one vector, got ${file.sizeBytes} bytes`,
      file.sizeBytes,
    );
  }
  const first = await file.read(0, PREFIX_BYTES);
  const dimensions = requireDimensions(file, new DataView(first.buffer).getInt32(0, true), 0);
  const dataBytes = dimensions * ELEMENT_BYTES[dtype];
  const stride = PREFIX_BYTES + dataBytes;
  const rows = Math.floor(file.sizeBytes / stride);
  const rest = file.sizeBytes % stride;
  if (rest > 0) {
    const problem = `truncated: vectors of ${dimensions} dimensions take ${stride} bytes, but the last one has ${rest}`;
    throw file.error('truncated', problem, rows * stride);
  }
  const place = { dimensions, dtype, scale: 1 };

  async function* batches(maxRows: number): AsyncGenerator<VectorBatch, void> {
    for (let start = 0; start < rows; start += maxRows) {
      const count = Math.min(maxRows, rows - start);
      const bytes = await file.read(start * stride, count * stride, 'its rows');
      const view = new DataView(bytes.buffer);
      // The vectors without their prefixes.
      const packed = new Uint8Array(count * dataBytes);
      for (let row = 0; row < count; row++) {
        const own = view.getInt32(row * stride, true);
        if (own !== dimensions) {
          const problem = `row ${start + row} has ${own} dimensions, expected ${dimensions} as in the first row`;
          throw file.error('damaged', problem, (start + row) * stride);
        }
        const from = row * stride + PREFIX_BYTES;
        packed.set(bytes.subarray(from, from + dataBytes), row * dataBytes);
      }
      yield new VectorBatch(place, start, rawView(dtype, packed.buffer, 0, count * dimensions));
    }
  }

  return { rows, dimensions, dtype, scale: 1, details: {}, batches };
}
