import { crc32 } from 'node:zlib';
import { BLOCK_BYTES } from './file-header.js';

/** The checksums of the blocks of a section that arrives piece by piece. */
export class BlockChecksums {
  readonly #finished: number[] = [];
  #current = 0;
  /** Bytes of the block that is not full. */
  #filled = 0;

  add(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      const end = Math.min(bytes.length, at + BLOCK_BYTES - this.#filled);
      this.#current = crc32(bytes.subarray(at, end), this.#current);
      this.#filled += end - at;
      at = end;
      if (this.#filled === BLOCK_BYTES) this.#finish();
    }
  }

  /** One little-endian integer of 32 bits for each block. */
  encode(): Uint8Array {
    if (this.#filled > 0) this.#finish();
    const bytes = new Uint8Array(this.#finished.length * 4);
    const view = new DataView(bytes.buffer);
    this.#finished.forEach((checksum, i) => view.setUint32(i * 4, checksum, true));
    return bytes;
  }

  #finish(): void {
    this.#finished.push(this.#current);
    this.#current = 0;
    this.#filled = 0;
  }
}
