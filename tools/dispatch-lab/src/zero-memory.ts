/**
 * Matrices for devices that compute nothing. All are views of the same zeros, which are never touched: the operating
 * system commits a page at its first use, so that a matrix of gigabytes takes none.
 */
export interface ZeroMemory {
  /** A view of that many zeros, shared with every other: for reading only. */
  floats(elementCount: number): Float32Array;
}

export function createZeroMemory(largestElementCount: number): ZeroMemory {
  const buffer = new ArrayBuffer(largestElementCount * Float32Array.BYTES_PER_ELEMENT);
  return { floats: (elementCount) => new Float32Array(buffer, 0, elementCount) };
}
