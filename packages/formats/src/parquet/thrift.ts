/** Types of the compact protocol. */
const STOP = 0;
const TRUE = 1;
const FALSE = 2;
const BYTE = 3;
const DOUBLE = 7;
const BINARY = 8;
const LIST = 9;
const SET = 10;
const MAP = 11;
const STRUCT = 12;

/** Structs in structs. */
const MAX_DEPTH = 32;

/** What to do with the fields of a struct, by their number. A field without a reader is skipped. */
export type FieldReaders = Readonly<Record<number, (reader: ThriftReader, type: number) => void>>;

/**
 * Reads the compact protocol of Thrift from a buffer. Nothing is allocated for fields that are not asked for, and every read is checked against the
 * end of the buffer.
 *
 * All methods throw an Error if the data is damaged or ends too early.
 */
export class ThriftReader {
  readonly #bytes: Uint8Array;
  position: number;
  #depth = 0;

  constructor(bytes: Uint8Array, position = 0) {
    this.#bytes = bytes;
    this.position = position;
  }

  struct(readers: FieldReaders): void {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw new Error('structs that are nested too deeply');
    let field = 0;
    for (;;) {
      const byte = this.#byte();
      const type = byte & 15;
      if (type === STOP) break;
      field = byte >> 4 === 0 ? this.int() : field + (byte >> 4);
      const read = Object.hasOwn(readers, field) ? readers[field] : undefined;
      if (read === undefined) this.skip(type);
      else read(this, type);
    }
    this.#depth -= 1;
  }

  /** The elements of a list, one by one. */
  list(type: number, readElement: (reader: ThriftReader, type: number, index: number) => void): void {
    const { length, elementType } = this.listHeader(type);
    for (let index = 0; index < length; index++) readElement(this, elementType, index);
  }

  /** The beginning of a list: its elements follow. */
  listHeader(type: number = LIST): { readonly length: number; readonly elementType: number } {
    if (type !== LIST && type !== SET) throw new Error('expected a list');
    const byte = this.#byte();
    const length = byte >> 4 === 15 ? this.#varint() : byte >> 4;
    // Every element has at least one byte.
    if (length > this.#bytes.length - this.position) throw new Error(`a list of ${length} elements beyond the end`);
    return { length, elementType: byte & 15 };
  }

  byte(): number {
    return this.#byte();
  }

  /** An integer of 16, 32 or 64 bits: exact up to 2 ** 53. */
  int(): number {
    const value = this.#varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  boolean(type: number): boolean {
    if (type !== TRUE && type !== FALSE) throw new Error('expected a boolean');
    return type === TRUE;
  }

  binary(): Uint8Array {
    const length = this.#varint();
    if (length > this.#bytes.length - this.position) throw new Error(`${length} bytes beyond the end`);
    const start = this.position;
    this.position += length;
    return this.#bytes.subarray(start, this.position);
  }

  string(): string {
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(this.binary());
  }

  skip(type: number): void {
    switch (type) {
      case TRUE:
      case FALSE:
        return;
      case BYTE:
        this.#byte();
        return;
      case DOUBLE:
        if (this.position + 8 > this.#bytes.length) throw new Error('a number beyond the end');
        this.position += 8;
        return;
      case BINARY:
        this.binary();
        return;
      case LIST:
      case SET:
        // Booleans in a list have a byte each.
        this.list(type, (_reader, element) => this.skip(element === TRUE || element === FALSE ? BYTE : element));
        return;
      case STRUCT:
        this.struct({});
        return;
      case MAP:
        throw new Error('a map, which Parquet does not use');
      default:
        if (type > STRUCT) throw new Error(`an unknown type ${type}`);
        this.#varint();
    }
  }

  #byte(): number {
    if (this.position >= this.#bytes.length) throw new Error('the end in a struct');
    return this.#bytes[this.position++];
  }

  #varint(): number {
    let value = 0;
    for (let factor = 1, count = 0; count < 10; count++, factor *= 128) {
      const byte = this.#byte();
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
    throw new Error('an integer of more than 64 bits');
  }
}
