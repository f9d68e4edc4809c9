import type { Dtype } from '@gearshift/contracts';
import { asFileError } from './file-error.js';
import { FORMAT_VERSION, readHeader, SECTION } from './file-header.js';
import { describeHolder } from './file-lock.js';
import type { FileSystem } from './file-system.js';
import { nodeFileSystem } from './node-file-system.js';
import { checkPayload, readChanges } from './read-changes.js';
import { RECORD } from './change-record.js';
import { requirePath } from './require-path.js';
import { verifyContents } from './verify-contents.js';

const SECTION_NAMES: Readonly<Record<number, string | undefined>> = Object.fromEntries(
  Object.entries(SECTION).map(([name, type]) => [type, name]),
);

export interface SectionDescription {
  readonly type: number;
  /** `'unknown'` for a section of a newer version of this package. */
  readonly name: string;
  readonly isRequired: boolean;
  readonly offset: number;
  readonly byteLength: number;
}

/** What a file contains. */
export interface FileDescription {
  readonly path: string;
  readonly formatVersion: number;
  readonly dtype: Dtype;
  /** Of int8 elements. */
  readonly scale: number | undefined;
  readonly dimensions: number;
  /** Number of rows with all changes, removed ones included. */
  readonly rows: number;
  readonly version: number;
  readonly byteLength: number;
  readonly sections: readonly SectionDescription[];
  /** The changes since the file was written anew. */
  readonly changes: {
    readonly commits: number;
    readonly appends: number;
    readonly appendedRows: number;
    readonly updates: number;
    readonly removals: number;
    readonly byteLength: number;
  };
  /** Bytes at the end of a change that was not completed; the next writer removes them. */
  readonly incompleteBytes: number;
  /** Who has it open for writing, in words. */
  readonly writer: string | undefined;
}

/**
 * Describes a file without reading its rows.
 *
 * @throws FileError as `openMatrix` does
 */
export async function describeFile(
  path: string | URL,
  { verify = false }: { readonly verify?: boolean | undefined } = {},
  system: FileSystem = nodeFileSystem,
): Promise<FileDescription> {
  const given = requirePath('path', path);
  try {
    const target = await system.resolve(given);
    const file = await system.open(target, 'read');
    try {
      const byteLength = await file.byteLength();
      const header = await readHeader(file, given, byteLength);
      const { changes, commits, rows, version, end } = await readChanges(file, header, byteLength, given);
      if (verify) {
        await verifyContents(file, header, given, undefined);
        for (const change of changes) await checkPayload(file, change, given);
      }
      const ofType = (type: number) => changes.filter((change) => change.type === type);
      return {
        path: given,
        formatVersion: FORMAT_VERSION,
        dtype: header.dtype,
        scale: header.scale,
        dimensions: header.dimensions,
        rows,
        version,
        byteLength,
        sections: header.sections.map(({ type, isRequired, offset, byteLength }) => {
          return { type, name: SECTION_NAMES[type] ?? 'unknown', isRequired, offset, byteLength };
        }),
        changes: {
          commits,
          appends: ofType(RECORD.append).length,
          appendedRows: rows - header.rows,
          updates: ofType(RECORD.update).length,
          removals: ofType(RECORD.remove).length,
          byteLength: end - header.changesOffset,
        },
        incompleteBytes: byteLength - end,
        writer: describeHolder(target),
      };
    } finally {
      await file.close();
    }
  } catch (error) {
    throw asFileError(given, error);
  }
}

/**
 * Reads the whole file and compares every checksum.
 *
 * @throws FileError of the kind `'damaged'` that names the first wrong block
 */
export async function verifyFile(path: string | URL): Promise<void> {
  await describeFile(path, { verify: true });
}
