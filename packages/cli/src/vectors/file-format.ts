import type { FileEntry, VectorFile, VectorSource, WriteOptions, WrittenVectors } from '@gearshift/formats';

/** The tensor or the column to read. */
export interface Choice {
  readonly tensor?: string | undefined;
  readonly column?: string | undefined;
}

/** An open file of vectors. */
export interface OpenVectors extends Pick<
  VectorFile,
  'rows' | 'dimensions' | 'dtype' | 'scale' | 'sizeBytes' | 'details' | 'batches'
> {
  readonly format: string;
  [Symbol.asyncDispose](): Promise<void>;
}

/** What was written. */
export interface WrittenFile extends Omit<WrittenVectors, 'format'> {
  readonly format: string;
}

/** What `convert` and `inspect` can do with a format. */
export interface FileFormat {
  readonly name: string;
  /** Whether the name of a file says that it has this format. */
  readonly matches: (path: string) => boolean;
  readonly open: (path: string, choice: Choice) => Promise<OpenVectors>;
  readonly list: (path: string) => Promise<readonly FileEntry[]>;
  /** Not set for formats that are only read. */
  readonly write?: (path: string, source: VectorSource, options: WriteOptions) => Promise<WrittenFile>;
}
