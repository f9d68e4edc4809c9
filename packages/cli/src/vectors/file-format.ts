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
  /** If codes were asked for: what they take, 0 where there are none because they would save no time. */
  readonly codeBytes?: number;
}

export interface WriteFileOptions extends WriteOptions {
  /** With codes, with which a search of the file need not make them. Only where {@link FileFormat.hasCodes}. */
  readonly codes?: boolean | undefined;
}

/** What `convert` and `inspect` can do with a format. */
export interface FileFormat {
  readonly name: string;
  /** Whether the name of a file says that it has this format. */
  readonly matches: (path: string) => boolean;
  readonly open: (path: string, choice: Choice) => Promise<OpenVectors>;
  readonly list: (path: string) => Promise<readonly FileEntry[]>;
  /** Whether a file may have codes. Default false. */
  readonly hasCodes?: boolean;
  /** Not set for formats that are only read. */
  readonly write?: (path: string, source: VectorSource, options: WriteFileOptions) => Promise<WrittenFile>;
}
