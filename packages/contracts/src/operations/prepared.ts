import { checkOptions, type OptionNames } from '../options.js';

/** Marks prepared requests of every copy of this package. */
const PREPARED = Symbol.for('@gearshift/contracts:prepared');

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

  static {
    // On the prototype, where it costs an instance nothing.
    Object.defineProperty(Prepared.prototype, PREPARED, { value: true });
  }
}

/**
 * Checks that a request is a plain object with known fields only, or was prepared by another copy of this package.
 *
 * @param known the fields of the request, and those that only prepared requests have, because copies of these have them too
 */
export function checkFields(request: object, known: OptionNames): void {
  if (!(PREPARED in request)) checkOptions('request', request, known);
}
