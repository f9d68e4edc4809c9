/**
 * The brand of a checked request: every default filled in, every length computed. Only the operations of this package create
 * such requests, and nothing may change them afterwards.
 *
 * A private field cannot be forged and a spread does not copy it. So a changed copy of a prepared request is checked again,
 * and so is one from a second copy of this package. An instance costs a tenth of freezing or marking a plain object, and
 * every request pays that cost.
 */
export class Prepared {
  readonly #prepared = true;

  static is(value: unknown): boolean {
    return typeof value === 'object' && value !== null && #prepared in value;
  }
}

/**
 * `object[key]` if it is an own property, so that a polluted Object.prototype changes no request. The value is read once, so a
 * getter cannot change it after the check. Absent options, the common case, cost nothing.
 */
export function own<T extends object, K extends keyof T>(object: T, key: K): T[K] | undefined {
  const value = object[key];
  return value === undefined || Object.hasOwn(object, key) ? value : undefined;
}
