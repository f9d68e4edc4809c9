import type { FileLayout } from '../write-vectors.js';

/** The layout of an `.fvecs` file: no header, and the number of dimensions before each vector. */
export function fvecsLayout(dimensions: number): FileLayout {
  const rowBytes = dimensions * 4;
  return {
    header: () => new Uint8Array(0),
    rows(elements) {
      const rows = elements.length / rowBytes;
      const bytes = Buffer.alloc(rows * (4 + rowBytes));
      for (let row = 0; row < rows; row++) {
        const start = row * (4 + rowBytes);
        bytes.writeInt32LE(dimensions, start);
        bytes.set(elements.subarray(row * rowBytes, (row + 1) * rowBytes), start + 4);
      }
      return bytes;
    },
  };
}
