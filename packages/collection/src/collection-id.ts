import { expected } from '@gearshift/contracts/internal';

/** Names an item of a collection. 1, '1' and 1n are three different ids. */
export type CollectionId = string | number | bigint;

/** `value` as an id. 0 and -0 are one id. */
export function requireId(name: string, value: unknown): CollectionId {
  if (typeof value === 'string' || typeof value === 'bigint') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value === 0 ? 0 : value;
  const message = expected(name, 'a string, a finite number or a bigint', value);
  throw typeof value === 'number' ? new RangeError(message) : new TypeError(message);
}
