/**
 * Matrices for devices that compute nothing. All are views of the same zeros, which are never accessed: the operating system
 * commits a page at its first use, so a matrix of gigabytes takes no memory.
 */
export interface ZeroMemory {
  /** A read-only view of that many zeros, which all views share. */
  floats(elementCount: number): Float32Array;
}

export function createZeroMemory(largestElementCount: number): ZeroMemory {
  const buffer = new ArrayBuffer(largestElementCount * Float32Array.BYTES_PER_ELEMENT);
  return { floats: (elementCount) => new Float32Array(buffer, 0, elementCount) };
}
