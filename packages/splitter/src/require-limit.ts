import { expected } from '@gearshift/contracts/internal';

/** `value` as a number from `minimum` up to and including Infinity, which says that there is no limit. */
export function requireLimit(name: string, value: unknown, minimum: number): number {
  const range = `a number of at least ${minimum}, or Infinity`;
  if (typeof value !== 'number') throw new TypeError(expected(name, range, value));
  if (!(value >= minimum)) throw new RangeError(expected(name, range, value));
  return value;
}

/** `value` as a number above `low` and at most `high`. */
export function requireFraction(name: string, value: unknown, low: number, high: number): number {
  const range = `a number above ${low} and at most ${high}`;
  if (typeof value !== 'number') throw new TypeError(expected(name, range, value));
  if (!(value > low && value <= high)) throw new RangeError(expected(name, range, value));
  return value;
}

/** `value` as an integer of at least `minimum`, or Infinity. */
export function requireCount(name: string, value: unknown, minimum: number): number {
  const range = `an integer of at least ${minimum}, or Infinity`;
  if (typeof value !== 'number') throw new TypeError(expected(name, range, value));
  if (value !== Infinity && !(Number.isSafeInteger(value) && value >= minimum)) {
    throw new RangeError(expected(name, range, value));
  }
  return value;
}

/** `value` as a function. */
export function requireFunction<F>(name: string, value: F): F {
  if (typeof value !== 'function') throw new TypeError(expected(name, 'a function', value));
  return value;
}
