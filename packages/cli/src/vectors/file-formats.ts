import {
  formatOfPath,
  listEntries,
  openVectors,
  VECTOR_FORMATS,
  WRITABLE_FORMATS,
  writeVectors,
  type FileEntry,
  type VectorFile,
  type VectorSource,
  type WriteOptions,
  type WrittenVectors,
} from '@gearshift/formats';

/** The tensor or the column to read. */
export interface Choice {
  readonly tensor?: string | undefined;
  readonly column?: string | undefined;
}

/** What `convert` and `inspect` can do with a format. */
export interface FileFormat {
  readonly name: string;
  /** Whether the name of a file says that it has this format. */
  readonly matches: (path: string) => boolean;
  readonly open: (path: string, choice: Choice) => Promise<VectorFile>;
  readonly list: (path: string) => Promise<readonly FileEntry[]>;
  /** Not set for formats that are only read. */
  readonly write?: (path: string, source: VectorSource, options: WriteOptions) => Promise<WrittenVectors>;
}

/** All formats of `convert` and `inspect`. A format of another package is one more entry. */
export const FILE_FORMATS: readonly FileFormat[] = VECTOR_FORMATS.map((format) => {
  const writable = WRITABLE_FORMATS.find((candidate) => candidate === format);
  return {
    name: format,
    matches: (path) => formatOfPath(path) === format,
    open: (path, choice) => openVectors(path, { ...choice, format }),
    list: (path) => listEntries(path, { format }),
    ...(writable !== undefined && {
      write: (path: string, source: VectorSource, options: WriteOptions) =>
        writeVectors(path, source, { ...options, format: writable }),
    }),
  };
});

/** For files without a name that tells: their first bytes may. */
export const BY_CONTENTS: Pick<FileFormat, 'open' | 'list'> = {
  open: (path, choice) => openVectors(path, choice),
  list: (path) => listEntries(path),
};
