/** Makes the error for a position in the metadata. */
export type Fail = (problem: string, position: number) => Error;

/** More than any schema has. */
const MAX_TABLES = 65_536;

/**
 * A table of a FlatBuffer. Unlike generated code, every read is checked against the end of the buffer, because an offset of a damaged
 * file can lead anywhere.
 */
export class FlatTable {
  readonly #view: DataView;
  readonly #position: number;
  readonly #fail: Fail;

  private constructor(view: DataView, position: number, fail: Fail) {
    this.#view = view;
    this.#position = position;
    this.#fail = fail;
  }

  /** The root table of a buffer. */
  static root(bytes: Uint8Array, fail: Fail): FlatTable {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const start = new FlatTable(view, 0, fail);
    start.#need(0, 4);
    return new FlatTable(view, view.getUint32(0, true), fail);
  }

  int8(slot: number, byDefault: number): number {
    const position = this.#field(slot, 1);
    return position === 0 ? byDefault : this.#view.getInt8(position);
  }

  int16(slot: number, byDefault: number): number {
    const position = this.#field(slot, 2);
    return position === 0 ? byDefault : this.#view.getInt16(position, true);
  }

  int32(slot: number, byDefault: number): number {
    const position = this.#field(slot, 4);
    return position === 0 ? byDefault : this.#view.getInt32(position, true);
  }

  /** As a number: exact up to 2 ** 53, and no file has more bytes. */
  int64(slot: number, byDefault: number): number {
    const position = this.#field(slot, 8);
    return position === 0 ? byDefault : Number(this.#view.getBigInt64(position, true));
  }

  table(slot: number): FlatTable | undefined {
    const position = this.#field(slot, 4);
    return position === 0 ? undefined : new FlatTable(this.#view, this.#follow(position), this.#fail);
  }

  string(slot: number): string {
    const { start, length } = this.#vector(slot, 1);
    const bytes = new Uint8Array(this.#view.buffer, this.#view.byteOffset + start, length);
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  }

  /** The elements of a vector of tables. */
  tables(slot: number): readonly FlatTable[] {
    const { start, length } = this.#vector(slot, 4);
    if (length > MAX_TABLES) throw this.#fail(`a list of ${length} entries, expected at most ${MAX_TABLES}`, start);
    return Array.from({ length }, (_, index) => new FlatTable(this.#view, this.#follow(start + 4 * index), this.#fail));
  }

  /** A vector of structs that begin with two int64. Only those that are asked for are read. */
  pairs(slot: number, structBytes = 16): { readonly length: number; at(index: number): readonly [number, number] } {
    const { start, length } = this.#vector(slot, structBytes);
    const view = this.#view;
    return {
      length,
      at: (index) => [
        Number(view.getBigInt64(start + structBytes * index, true)),
        Number(view.getBigInt64(start + structBytes * index + 8, true)),
      ],
    };
  }

  /** A vector of int64. */
  int64s(slot: number): readonly number[] {
    const { start, length } = this.#vector(slot, 8);
    return Array.from({ length }, (_, index) => Number(this.#view.getBigInt64(start + 8 * index, true)));
  }

  /** Position of a field of some bytes, or 0 if the table does not have it. */
  #field(slot: number, bytes: number): number {
    this.#need(this.#position, 4);
    const vtable = this.#position - this.#view.getInt32(this.#position, true);
    this.#need(vtable, 4);
    const entry = 4 + 2 * slot;
    if (entry + 2 > this.#view.getUint16(vtable, true)) return 0;
    this.#need(vtable + entry, 2);
    const offset = this.#view.getUint16(vtable + entry, true);
    if (offset === 0) return 0;
    this.#need(this.#position + offset, bytes);
    return this.#position + offset;
  }

  #vector(slot: number, elementBytes: number): { readonly start: number; readonly length: number } {
    const field = this.#field(slot, 4);
    if (field === 0) return { start: 0, length: 0 };
    const position = this.#follow(field);
    this.#need(position, 4);
    const length = this.#view.getUint32(position, true);
    this.#need(position + 4, length * elementBytes);
    return { start: position + 4, length };
  }

  #follow(position: number): number {
    this.#need(position, 4);
    return position + this.#view.getUint32(position, true);
  }

  #need(position: number, bytes: number): void {
    if (position >= 0 && position + bytes <= this.#view.byteLength) return;
    throw this.#fail(
      'its metadata refers to bytes outside of it',
      Math.max(0, Math.min(position, this.#view.byteLength)),
    );
  }
}
