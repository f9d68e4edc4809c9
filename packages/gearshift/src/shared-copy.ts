/*
 * The executor's own copies live in shared memory: requests that run on other threads read them without another copy, and
 * nobody can detach or resize them while one does.
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
