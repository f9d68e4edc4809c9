import type { FileError } from './file-error.js';

/** The file of a matrix that was opened. */
export interface MatrixFile {
  readonly path: string;
  /** `'map'`: the rows are read from the file when they are used first. `'copy'`: they were read into memory. */
  readonly mode: 'map' | 'copy';
  readonly writable: boolean;
  /** The newest version that is in the file for certain. */
  readonly version: number;
  /** Why later changes are refused: an earlier one could not be written. Open the file again to go on. */
  readonly error: FileError | undefined;
}
