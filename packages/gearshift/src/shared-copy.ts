/*
 * The executor's own copies are in shared memory: other threads read them without a further copy, and shared memory cannot
 * be detached or resized during a request.
 */

/** A zeroed array in shared memory. */
export function sharedFloat32(elementCount: number): Float32Array {
  return new Float32Array(new SharedArrayBuffer(elementCount * Float32Array.BYTES_PER_ELEMENT));
}

/** A copy in shared memory. */
export function sharedFloat32Copy(source: Float32Array): Float32Array {
  const copy = sharedFloat32(source.length);
  copy.set(source);
  return copy;
}

/** A copy in shared memory. */
export function sharedUint32Copy(source: Uint32Array): Uint32Array {
  const copy = new Uint32Array(new SharedArrayBuffer(source.byteLength));
  copy.set(source);
  return copy;
}
