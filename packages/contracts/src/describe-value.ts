import { types } from 'node:util';

/** Describes a value in a few words for the messages of argument errors, without its contents. */
export function describeValue(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value);
  if (typeof value === 'string') return value.length > 40 ? `a string of ${value.length} characters` : `'${value}'`;
  if (typeof value === 'boolean' || typeof value === 'bigint' || typeof value === 'undefined') return String(value);
  if (typeof value === 'symbol') return 'a symbol';
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return `an array of ${value.length} elements`;
  if (ArrayBuffer.isView(value)) {
    const name = value.constructor.name;
    return 'length' in value ? `${name} of ${String(value.length)} elements` : `${name} of ${value.byteLength} bytes`;
  }
  if (types.isPromise(value)) return 'a Promise';
  return value.constructor?.name ? `an object of type ${value.constructor.name}` : 'an object';
}
