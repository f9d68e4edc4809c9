const SLAB_BYTES = 64 * 1024;
/** Longer messages have memory of their own. */
const MOST_BYTES = 4096;
/** So that numbers of any size in them can be read in place. */
const ALIGNMENT = 8;

/** Copies messages. Short ones share their memory: to allocate each would take longer than the copy. */
export class MessageCopies {
  #slab = new ArrayBuffer(SLAB_BYTES);
  #usedBytes = 0;

  copyOf(data: Uint8Array): Uint8Array {
    const { byteLength } = data;
    if (byteLength > MOST_BYTES) return new Uint8Array(data);
    if (this.#usedBytes + byteLength > SLAB_BYTES) {
      this.#slab = new ArrayBuffer(SLAB_BYTES);
      this.#usedBytes = 0;
    }
    const copy = new Uint8Array(this.#slab, this.#usedBytes, byteLength);
    copy.set(data);
    this.#usedBytes += ALIGNMENT * Math.ceil(byteLength / ALIGNMENT);
    return copy;
  }
}
