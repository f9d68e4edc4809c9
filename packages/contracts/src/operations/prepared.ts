/**
 * The brand of a request that was checked: every default filled in, every length worked out. The operations of this package
 * alone make such requests, and nothing may change them afterwards.
 *
 * A private field cannot be forged and a spread does not copy it, so a changed copy of a prepared request is checked again, as
 * is one made by a second copy of this package. An instance costs a tenth of freezing or marking a plain object, and every
 * request pays for it.
 */
export class Prepared {
  readonly #prepared = true;

  static is(value: unknown): boolean {
    return typeof value === 'object' && value !== null && #prepared in value;
  }
}

/**
 * `object[key]` where it is the object's own: a polluted Object.prototype changes no request. The value is read once, so a
 * getter cannot change it after the check, and absent options, the common case, cost nothing.
 */
export function own<T extends object, K extends keyof T>(object: T, key: K): T[K] | undefined {
  const value = object[key];
  return value === undefined || Object.hasOwn(object, key) ? value : undefined;
}
