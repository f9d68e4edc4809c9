import { isError } from '@gearshift/contracts/internal';

export type FileErrorKind =
  /** Not a file of stored rows, or not a regular file. */
  | 'foreign'
  /** Written by a newer version of this package, or for another kind of machine. */
  | 'unsupported'
  | 'truncated'
  /** The bytes are not those that were written. */
  | 'damaged'
  /** Another matrix, perhaps of another process, writes to it. */
  | 'locked'
  /** A change is in memory but not in the file. */
  | 'not-durable'
  /** The operating system refused a call: see {@link FileError.code}. */
  | 'system';

/** A file cannot be read or written. */
export class FileError extends Error {
  override readonly name = 'FileError';
  readonly kind: FileErrorKind;
  readonly path: string;
  /** The byte of the file that is wrong, if it is known. */
  readonly offset: number | undefined;
  /** The code of the operating system, for example `'ENOSPC'`. */
  readonly code: string | undefined;

  constructor(
    kind: FileErrorKind,
    path: string,
    problem: string,
    { offset, code, cause }: { readonly offset?: number; readonly code?: string; readonly cause?: unknown } = {},
  ) {
    super(
      `${path}: ${offset === undefined ? '' : `at byte ${offset}: `}${problem}`,
      cause === undefined ? {} : { cause },
    );
    this.kind = kind;
    this.path = path;
    this.offset = offset;
    this.code = code;
  }
}

const REMEDIES: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file; save() makes one',
  ENOSPC: 'there is no space left on the device',
  EACCES: 'access is not permitted',
  EPERM: 'access is not permitted',
  EROFS: 'the file system is read-only',
  EISDIR: 'expected a file, got a folder',
  EIO: 'the device failed',
};

/** The error of a call of the operating system as a {@link FileError}; any other value as it is. */
export function asFileError(path: string, error: unknown): unknown {
  const code = codeOf(error);
  if (code === undefined) return error;
  const { message } = error as Error;
  const remedy = REMEDIES[code];
  const problem = remedy === undefined ? message : `${remedy} (${message})`;
  return new FileError('system', path, problem, { code, cause: error });
}

/** The code of an error of the operating system; undefined for any other value. */
export function codeOf(error: unknown): string | undefined {
  if (!isError(error, 'Error') || !('syscall' in error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
