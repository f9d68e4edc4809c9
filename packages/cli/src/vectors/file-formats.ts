import {
  formatOfPath,
  listEntries,
  openVectors,
  VECTOR_FORMATS,
  WRITABLE_FORMATS,
  writeVectors,
  type VectorFormat,
  type VectorSource,
  type WriteOptions,
} from '@gearshift/formats';
import type { FileFormat } from './file-format.js';
import { GEARSHIFT_FORMAT, isGearshiftFile } from './gearshift-format.js';

/** All formats of `convert` and `inspect`. A format of another package is one more entry. */
export const FILE_FORMATS: readonly FileFormat[] = [...VECTOR_FORMATS.map(formatOf), GEARSHIFT_FORMAT];

function formatOf(format: VectorFormat): FileFormat {
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
}

/** For files without a name that tells: their first bytes may. */
export const BY_CONTENTS: Pick<FileFormat, 'open' | 'list'> = {
  open: async (path, choice) =>
    (await isGearshiftFile(path)) ? GEARSHIFT_FORMAT.open(path, choice) : openVectors(path, choice),
  list: async (path) => ((await isGearshiftFile(path)) ? GEARSHIFT_FORMAT.list(path) : listEntries(path)),
};
