/** Smaller memory is collected in time anyway, with the objects around it. */
const LARGE_BYTES = 2 ** 16;
const MOST_BYTES = 2 ** 31;

/*
 * V8 collects garbage when the memory of ordinary buffers has grown, but does not count shared ones: those that nothing refers
 * to any more would stay resident. So an ordinary buffer of the same length lives as long as the shared one. Nothing touches
 * it, and as a resizable buffer it is made of pages that take no physical memory until then.
 */
const counted = new WeakMap<SharedArrayBuffer, ArrayBuffer>();

/** Makes V8 count the memory of a buffer, as long as it is now. */
export function countMemory(buffer: SharedArrayBuffer): void {
  if (buffer.byteLength < LARGE_BYTES) return;
  const byteLength = Math.min(buffer.byteLength, MOST_BYTES);
  if (counted.get(buffer)?.byteLength === byteLength) return;
  try {
    counted.set(buffer, new ArrayBuffer(byteLength, { maxByteLength: byteLength }));
  } catch {
    // Without address space for it, the memory is only collected later.
  }
}

/** For a buffer that takes no memory any more. */
export function discountMemory(buffer: SharedArrayBuffer): void {
  counted.delete(buffer);
}
