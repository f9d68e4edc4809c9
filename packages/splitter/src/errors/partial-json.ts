import { describeValue } from '@gearshift/contracts/internal';
import type { ChunkAttempt } from '@gearshift/contracts';
import type { Range } from '../done-ranges.js';
import type { PartialRun } from './chunk-error.js';
import { plainCause } from './plain-cause.js';

/** Marks a partial run in the form that `JSON.stringify` writes and {@link fromJson} reads. */
const ENCODING = 1;
/** The key of an object that stands for a value that JSON does not have. */
const TAG = '$gearshift';
const DEEPEST = 200;

const NUMBERS: ReadonlyMap<unknown, number | undefined> = new Map<unknown, number | undefined>([
  ['NaN', NaN],
  ['Infinity', Infinity],
  ['-Infinity', -Infinity],
  ['-0', -0],
  ['undefined', undefined],
]);

type BufferArray = new (buffer: ArrayBuffer) => ArrayBufferView;
const ARRAYS: ReadonlyMap<unknown, BufferArray> = new Map<unknown, BufferArray>(
  [
    Float32Array,
    Float64Array,
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    BigInt64Array,
    BigUint64Array,
  ].map((type) => [type.name, type]),
);

/**
 * Makes `JSON.stringify` write results bit for bit: typed arrays, numbers that JSON does not have, and undefined. It throws a
 * TypeError that names the place of any other value that would not come back. Structured cloning leaves the method out, because
 * it is not enumerable.
 */
export function withJson<O>(partial: PartialRun<O>): PartialRun<O> {
  return Object.defineProperty(partial, 'toJSON', { value: () => toJson(partial) });
}

/**
 * The partial run that `JSON.stringify` wrote; any other one as it is.
 *
 * @throws TypeError for a copy of a partial run that JSON has damaged.
 */
export function fromJson<O>(partial: PartialRun<O>): PartialRun<O> {
  if (typeof partial !== 'object' || partial === null || !Array.isArray(partial.output)) return partial;
  const output = partial.output as readonly unknown[];
  const { encoding } = partial as { readonly encoding?: unknown };
  if (encoding === undefined) {
    if (partial.toJSON === undefined) requireUndamaged(output);
    return partial;
  }
  if (encoding !== ENCODING) {
    throw new RangeError(`partial.encoding: expected ${ENCODING}, got ${describeValue(encoding)}`);
  }
  return { ...partial, output: output.map(decode) as O };
}

function toJson({ output, attempts, done, ...rest }: PartialRun<unknown>): unknown {
  return {
    output: Array.isArray(output) ? encodeDone(output, done) : output,
    ...rest,
    done,
    attempts: attempts.map(encodeAttempt),
    encoding: ENCODING,
  };
}

function encodeDone(output: readonly unknown[], done: readonly Range[]): unknown[] {
  const encoded = new Array<unknown>(output.length).fill(null);
  for (const { start, end } of done) {
    for (let i = start; i < end; i++) encoded[i] = encode(`partial.output[${i}]`, output[i], 0);
  }
  return encoded;
}

/** Causes are information for people: one that JSON cannot carry is described. */
function encodeAttempt(attempt: ChunkAttempt): ChunkAttempt {
  if (attempt.cause === undefined) return attempt;
  try {
    JSON.stringify(attempt.cause);
    return attempt;
  } catch (error) {
    return { ...attempt, cause: plainCause(error) };
  }
}

function encode(path: string, value: unknown, depth: number): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') {
    if (Number.isFinite(value) && !Object.is(value, -0)) return value;
    return { [TAG]: Object.is(value, -0) ? '-0' : String(value) };
  }
  if (value === undefined) return { [TAG]: 'undefined' };
  if (depth === DEEPEST) throw new TypeError(`${path}: expected at most ${DEEPEST} levels, got more, or a cycle`);
  if (Array.isArray(value)) return Array.from(value, (each, i) => encode(`${path}[${i}]`, each, depth + 1));
  if (ArrayBuffer.isView(value)) {
    const name = (value as { readonly [Symbol.toStringTag]?: string })[Symbol.toStringTag];
    const { buffer, byteOffset, byteLength } = value;
    if (ARRAYS.has(name))
      return { [TAG]: name, base64: Buffer.from(buffer, byteOffset, byteLength).toString('base64') };
  } else if (isPlainObject(value)) {
    if (Object.hasOwn(value, TAG)) throw new TypeError(`${path}: the key '${TAG}' is reserved; use another one`);
    const entries = Object.entries(value).map(([key, each]) => [key, encode(`${path}.${key}`, each, depth + 1)]);
    return Object.fromEntries(entries) as unknown;
  }
  const what = typeof value === 'bigint' ? 'a BigInt' : describeValue(value);
  throw new TypeError(
    `${path}: ${what} does not survive JSON; return plain objects, arrays, typed arrays, numbers or text from the function`,
  );
}

function decode(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(decode);
  if (!Object.hasOwn(value, TAG)) {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, decode(each)]));
  }
  const { [TAG]: tag, base64 } = value as { readonly [TAG]: unknown; readonly base64?: unknown };
  if (NUMBERS.has(tag)) return NUMBERS.get(tag);
  const type = ARRAYS.get(tag);
  if (type === undefined || typeof base64 !== 'string') {
    throw new TypeError(`partial.output: expected a typed array or a number, got ${describeValue(tag)}`);
  }
  // A copy, because small buffers of Node share memory and begin anywhere in it.
  return new type(Uint8Array.from(Buffer.from(base64, 'base64')).buffer);
}

/** A structured clone has lost the method, so `JSON.stringify` turned its typed arrays into objects. */
function requireUndamaged(output: readonly unknown[]): void {
  for (const [index, result] of output.entries()) {
    if (!wasTypedArray(result, 0)) continue;
    throw new TypeError(
      `partial.output[${index}]: expected a result of the function, got a typed array that JSON turned into an object; ` +
        'to fix it: stringify the partial run itself, not a copy that was posted to another thread',
    );
  }
}

function wasTypedArray(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || depth === DEEPEST) return false;
  const values: readonly unknown[] = Object.values(value);
  if (values.some((each) => wasTypedArray(each, depth + 1))) return true;
  if (Array.isArray(value) || values.length === 0 || !isPlainObject(value)) return false;
  const isNumbered = Object.keys(value).every((key, index) => key === String(index));
  return isNumbered && values.every((each) => typeof each === 'number' || each === null);
}

/** Of any realm. */
function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
