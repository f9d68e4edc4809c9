import { types } from 'node:util';
import { describeValue } from './describe-value.js';

/** The message for a caller's mistake: the argument, the expected value and the given value. */
export function expected(name: string, expectation: string, value: unknown): string {
  const message = `${name}: expected ${expectation}, got ${describeValue(value)}`;
  return types.isPromise(value) ? `${message}; is \`await\` missing?` : message;
}

/** `value` as an integer of at least `minimum`; TypeError when it is not a number, RangeError when it is out of range. */
export function requireInteger(
  name: string,
  value: unknown,
  minimum: number,
  maximum = Number.MAX_SAFE_INTEGER,
): number {
  const range =
    maximum === Number.MAX_SAFE_INTEGER
      ? `an integer of at least ${minimum}`
      : `an integer from ${minimum} to ${maximum}`;
  if (typeof value !== 'number') throw new TypeError(expected(name, range, value));
  if (!Number.isInteger(value) || value < minimum || value > maximum) {
    throw new RangeError(expected(name, range, value));
  }
  return value;
}

/** `value` as a finite number of at least `minimum`. */
export function requireFinite(name: string, value: unknown, minimum = -Infinity): number {
  const range = minimum === -Infinity ? 'a finite number' : `a finite number of at least ${minimum}`;
  if (typeof value !== 'number') throw new TypeError(expected(name, range, value));
  if (!Number.isFinite(value) || value < minimum) throw new RangeError(expected(name, range, value));
  return value;
}

/** `value` as a Float32Array of any realm with memory that is not detached. */
export function requireFloat32Array(name: string, value: unknown): Float32Array {
  if (!types.isFloat32Array(value)) throw new TypeError(expected(name, 'a Float32Array', value));
  requireAttached(name, value);
  return value;
}

/** `value` as a Uint32Array of any realm with memory that is not detached. */
export function requireUint32Array(name: string, value: unknown): Uint32Array {
  if (!types.isUint32Array(value)) throw new TypeError(expected(name, 'a Uint32Array', value));
  requireAttached(name, value);
  return value;
}

/** `value` as an AbortSignal of any realm or of a polyfill, or undefined. */
export function requireSignal(name: string, value: unknown): AbortSignal | undefined {
  if (value === undefined) return undefined;
  const { aborted, addEventListener } = (value ?? {}) as Partial<AbortSignal>;
  if (typeof aborted !== 'boolean' || typeof addEventListener !== 'function') {
    throw new TypeError(expected(name, 'an AbortSignal', value));
  }
  return value as AbortSignal;
}

/** `value` as a non-null object. */
export function requireObject(name: string, value: unknown): object {
  if (typeof value !== 'object' || value === null) throw new TypeError(expected(name, 'an object', value));
  return value;
}

/** `value` as an object that is not a Promise; the checks of its properties say what else is wrong with it. */
export function requireAwaited(name: string, value: unknown): object {
  if (types.isPromise(value)) throw new TypeError(expected(name, `a ${name}`, value));
  return requireObject(name, value);
}

/**
 * A view of a transferred buffer, or of a resizable one that shrank below the view, is empty. Node 20 has no `detached`
 * property and no check for a view out of bounds, but the methods of a typed array throw for both. (Constructing a view on the
 * buffer detects only transferred ones.) The check reads `byteLength` because `length` is wrong in V8 11.3: in optimized code
 * that has handled a resizable buffer, a detached view keeps its old length.
 */
export function requireAttached(name: string, view: Float32Array | Uint32Array | Uint16Array | Int8Array): void {
  if (view.byteLength !== 0) return;
  try {
    view.indexOf(0);
  } catch {
    throw new TypeError(`${name}: its buffer was detached or shrank below it`);
  }
}

/** `value` as one of `words`, or undefined. */
export function requireOneOf<T extends string>(name: string, words: readonly T[], value: unknown): T | undefined {
  if (value === undefined || words.includes(value as T)) return value as T | undefined;
  const message = expected(name, `one of ${words.join(', ')}`, value);
  throw typeof value === 'string' ? new RangeError(message) : new TypeError(message);
}

/** `value` as a count of uses: a number from 0 to Infinity, or undefined. */
export function requireExpectedUses(name: string, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'number') throw new TypeError(expected(name, 'a number of uses', value));
  if (!(value >= 0)) throw new RangeError(expected(name, 'a number of uses from 0 up', value));
  return value;
}
