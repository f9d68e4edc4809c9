import { isError } from '@gearshift/contracts/internal';

export type CollectionFileErrorKind =
  /** Not a file of a collection. */
  | 'foreign'
  /** Written by a newer version of this package. */
  | 'unsupported'
  | 'truncated'
  /** The bytes are not those that were written. */
  | 'damaged'
  /** The operating system refused a call: see {@link CollectionFileError.code}. */
  | 'system';

/**
 * A file of a saved collection cannot be read or written. Errors of the file of vectors are those of the executor: a `FileError`
 * with the same fields.
 */
export class CollectionFileError extends Error {
  override readonly name = 'CollectionFileError';
  readonly kind: CollectionFileErrorKind;
  readonly path: string;
  /** The code of the operating system, for example `'ENOSPC'`. */
  readonly code: string | undefined;

  constructor(
    kind: CollectionFileErrorKind,
    path: string,
    problem: string,
    { code, cause }: { readonly code?: string; readonly cause?: unknown } = {},
  ) {
    super(`${path}: ${problem}`, cause === undefined ? {} : { cause });
    this.kind = kind;
    this.path = path;
    this.code = code;
  }
}

const REMEDIES: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file; save() makes one',
  EEXIST: 'expected a folder, got a file',
  ENOTDIR: 'expected a folder, got a file',
};

/** The error of a call of the operating system as a {@link CollectionFileError}; any other value as it is. */
export function asFileError(path: string, error: unknown): unknown {
  const code = codeOf(error);
  if (code === undefined || isError(error, 'CollectionFileError', 'FileError')) return error;
  const { message } = error as Error;
  const remedy = REMEDIES[code];
  const problem = remedy === undefined ? message : `${remedy} (${message})`;
  return new CollectionFileError('system', path, problem, { code, cause: error });
}

export function isMissingFile(error: unknown): boolean {
  return codeOf(error) === 'ENOENT';
}

function codeOf(error: unknown): string | undefined {
  if (!isError(error, 'Error') || !('code' in error)) return undefined;
  return typeof error.code === 'string' && /^E[A-Z0-9]+$/.test(error.code) && !error.code.startsWith('ERR')
    ? error.code
    : undefined;
}
