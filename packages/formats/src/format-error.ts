import { escapeName } from './escape-name.js';

/** Why a file cannot be read or written. */
export const FORMAT_ERROR_KINDS = [
  /** The system refuses: it does not exist, or may not be read or written. */
  'inaccessible',
  /** A folder, a device, a pipe or a socket. */
  'not-a-file',
  /** Neither its name nor its first bytes tell the format. */
  'unknown-format',
  /** It is not a file of the format that its name or the caller says. */
  'foreign',
  /** A valid file with something that this package does not read or write. */
  'unsupported',
  /** It contradicts itself or its format. */
  'damaged',
  /** It ends too early. */
  'truncated',
  /** It became shorter while it was read. */
  'changed',
  /** More than a limit of this package, which keeps memory bounded. */
  'too-large',
  /** There is no tensor or column of that name. */
  'not-found',
  /** Several tensors or columns could be meant. */
  'ambiguous',
  /** An optional package is not installed. */
  'missing-package',
  /** The file to write exists already. */
  'exists',
] as const;

export type FormatErrorKind = (typeof FORMAT_ERROR_KINDS)[number];

/** The fields of a {@link FormatError} as plain data. */
export interface FormatProblem {
  readonly kind: FormatErrorKind;
  /** Undefined if it is not known. */
  readonly format: string | undefined;
  readonly path: string;
  /** Position in the file, in bytes, if the problem has one. */
  readonly offset: number | undefined;
  readonly message: string;
}

/**
 * The only error that files cause. The message is one line, starts with the path, and contains no control characters, whatever the
 * file contains.
 */
export class FormatError extends Error implements FormatProblem {
  override readonly name = 'FormatError';
  readonly kind: FormatErrorKind;
  readonly format: string | undefined;
  readonly path: string;
  readonly offset: number | undefined;

  /** @param problem what was expected, what the file has, and how to fix it */
  constructor(
    kind: FormatErrorKind,
    problem: string,
    place: { readonly path: string; readonly format?: string | undefined; readonly offset?: number | undefined },
    options?: ErrorOptions,
  ) {
    const at = place.offset === undefined ? '' : ` (at byte ${place.offset})`;
    super(`${escapeName(place.path)}: ${problem}${at}`, options);
    this.kind = kind;
    this.format = place.format;
    this.path = place.path;
    this.offset = place.offset;
  }

  toJSON(): FormatProblem {
    const { kind, format, path, offset, message } = this;
    return { kind, format, path, offset, message };
  }
}
