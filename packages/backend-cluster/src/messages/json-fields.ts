import { expected, requireInteger, requireOneOf } from '@gearshift/contracts/internal';
import { isToken } from '../subjects.js';

const decoder = new TextDecoder('utf-8', { fatal: true });
const encoder = new TextEncoder();

export function encodeJson(value: object): Uint8Array {
  return encoder.encode(JSON.stringify(value));
}

/**
 * Reads a message in JSON.
 *
 * @param read checks each field
 * @returns what it returned; or what is wrong with the message
 */
export function decodeJson<T extends object>(bytes: Uint8Array, read: (fields: JsonFields) => T): T | string {
  try {
    return read(new JsonFields('message', JSON.parse(decoder.decode(bytes)) as unknown));
  } catch (error) {
    return String((error as Partial<Error> | null)?.message ?? error);
  }
}

/** The fields of an object that came as JSON. Each method checks one field, and throws a TypeError or RangeError that names it. */
export class JsonFields {
  readonly #name: string;
  readonly #fields: ReadonlyMap<string, unknown>;

  constructor(name: string, value: unknown) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new TypeError(expected(name, 'an object', value));
    }
    this.#name = name;
    this.#fields = new Map(Object.entries(value));
  }

  has(field: string): boolean {
    return this.#fields.has(field);
  }

  integer(field: string, minimum: number, maximum = Number.MAX_SAFE_INTEGER): number {
    return requireInteger(this.#nameOf(field), this.#fields.get(field), minimum, maximum);
  }

  number(field: string): number {
    const value = this.#fields.get(field);
    if (typeof value === 'number') return value;
    throw new TypeError(expected(this.#nameOf(field), 'a number', value));
  }

  boolean(field: string): boolean {
    const value = this.#fields.get(field);
    if (typeof value === 'boolean') return value;
    throw new TypeError(expected(this.#nameOf(field), 'a boolean', value));
  }

  token(field: string): string {
    const value = this.#fields.get(field);
    if (isToken(value)) return value;
    throw new TypeError(expected(this.#nameOf(field), 'a token of a subject', value));
  }

  text(field: string, mostLetters: number): string {
    const value = this.#fields.get(field);
    if (typeof value === 'string' && value.length <= mostLetters) return value;
    throw new TypeError(expected(this.#nameOf(field), `a text of at most ${mostLetters} letters`, value));
  }

  word<T extends string>(field: string, words: readonly T[]): T {
    const value = requireOneOf(this.#nameOf(field), words, this.#fields.get(field));
    if (value !== undefined) return value;
    throw new TypeError(expected(this.#nameOf(field), `one of ${words.join(', ')}`, value));
  }

  object(field: string): JsonFields {
    return new JsonFields(this.#nameOf(field), this.#fields.get(field));
  }

  list<T>(field: string, mostEntries: number, read: (fields: JsonFields) => T): T[] {
    const value = this.#fields.get(field);
    if (!Array.isArray(value) || value.length > mostEntries) {
      throw new TypeError(expected(this.#nameOf(field), `a list of at most ${mostEntries} entries`, value));
    }
    return value.map((entry, i) => read(new JsonFields(`${this.#nameOf(field)}[${i}]`, entry)));
  }

  texts(field: string, mostEntries: number, mostLetters: number): string[] {
    const value = this.#fields.get(field);
    if (!Array.isArray(value) || value.length > mostEntries) {
      throw new TypeError(expected(this.#nameOf(field), `a list of at most ${mostEntries} texts`, value));
    }
    return value.map((text: unknown, i) => {
      if (typeof text === 'string' && text.length <= mostLetters) return text;
      throw new TypeError(expected(`${this.#nameOf(field)}[${i}]`, `a text of at most ${mostLetters} letters`, text));
    });
  }

  #nameOf(field: string): string {
    return `${this.#name}.${field}`;
  }
}
