import type { OpenFile } from './file-system.js';

/** The most that one call returns. */
export const WINDOW_BYTES = 2 ** 16;

/** Reads many small pieces of a file, one after the other, with few calls of the system. */
export class FileWindow {
  /** Of the file when it was opened: what is added later is not seen. */
  readonly byteLength: number;
  readonly #file: OpenFile;
  readonly #bytes: Uint8Array;
  #start = 0;
  #length = 0;

  constructor(file: OpenFile, byteLength: number) {
    this.#file = file;
    this.byteLength = byteLength;
    this.#bytes = new Uint8Array(WINDOW_BYTES);
  }

  /** Bytes that are valid until the next call; fewer at the end of the file. */
  async read(offset: number, length: number): Promise<Uint8Array> {
    if (offset < this.#start || offset + length > this.#start + this.#length) {
      const wanted = Math.max(0, Math.min(WINDOW_BYTES, this.byteLength - offset));
      this.#start = offset;
      this.#length = await this.#file.read(this.#bytes.subarray(0, wanted), offset);
    }
    const start = offset - this.#start;
    return this.#bytes.subarray(start, Math.min(start + length, this.#length));
  }
}
