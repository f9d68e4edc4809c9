import { MemoryCount } from '@gearshift/storage';

/*
 * The executor's own copies are in shared memory: other threads read them without a further copy, and shared memory cannot
 * be detached or resized during a request.
 */

/** A zeroed array in shared memory. */
function sharedFloat32(elementCount: number): Float32Array {
  return new Float32Array(sharedBuffer(elementCount * Float32Array.BYTES_PER_ELEMENT));
}

/** A copy in shared memory. */
export function sharedFloat32Copy(source: Float32Array): Float32Array {
  const copy = sharedFloat32(source.length);
  copy.set(source);
  return copy;
}

/** A copy in shared memory. */
export function sharedUint32Copy(source: Uint32Array): Uint32Array {
  const copy = new Uint32Array(sharedBuffer(source.byteLength));
  copy.set(source);
  return copy;
}

/** What makes the garbage collector count each shared buffer; lives as long as the buffer. */
const counts = new WeakMap<SharedArrayBuffer, MemoryCount>();

function sharedBuffer(byteLength: number): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(byteLength);
  const count = new MemoryCount();
  count.set(byteLength);
  counts.set(buffer, count);
  return buffer;
}
