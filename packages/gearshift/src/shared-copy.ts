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

/** Node 20 has resizable buffers, the type definitions of ES2023 do not. */
type ResizableBuffer = new (byteLength: number, options: { readonly maxByteLength: number }) => ArrayBuffer;

/** Smaller buffers are collected in time anyway, with the objects around them. */
const LARGE_BYTES = 2 ** 16;

/** For each large shared buffer an ordinary one, which lives as long. Of no use to callers, so it is no option of an executor. */
const countedWith = new WeakMap<SharedArrayBuffer, ArrayBuffer>();

/**
 * V8 collects garbage when the memory of ordinary buffers has grown, but does not count shared ones: those that nothing refers
 * to any more, such as of disposed matrices, would stay resident. So an ordinary buffer of the same length is made with each.
 * Nothing touches it, and as a resizable buffer it is made of pages that take no physical memory until then.
 */
function sharedBuffer(byteLength: number): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(byteLength);
  if (byteLength < LARGE_BYTES) return buffer;
  try {
    countedWith.set(buffer, new (ArrayBuffer as ResizableBuffer)(byteLength, { maxByteLength: byteLength }));
  } catch {
    // Without address space for it, the memory of this buffer is only collected later.
  }
  return buffer;
}
