/** Smaller memory is collected in time anyway, with the objects around it. */
const LARGE_BYTES = 2 ** 16;
const MOST_BYTES = 2 ** 31;

/**
 * V8 collects garbage when the memory of ordinary buffers has grown, but does not count shared ones: those that nothing refers
 * to any more would stay resident. So an ordinary buffer of the same length lives as long as the object that owns them.
 * Nothing touches it, and as a resizable buffer it is made of pages that take no physical memory until then.
 */
export class MemoryCount {
  #counted: ArrayBuffer | undefined;

  set(byteLength: number): void {
    if (byteLength < LARGE_BYTES) {
      this.#counted = undefined;
      return;
    }
    const counted = Math.min(byteLength, MOST_BYTES);
    if (this.#counted?.byteLength === counted) return;
    try {
      this.#counted = new ArrayBuffer(counted, { maxByteLength: counted });
    } catch {
      // Without address space for it, the memory is only collected later.
    }
  }
}
