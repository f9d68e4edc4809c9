import { join } from 'node:path';
import { expected, optionNames, readOptions, requireSignal } from '@gearshift/contracts/internal';
import type { Collection } from './collection.js';
import type { CollectionExecutor, CollectionMatrix, MatrixHints } from './collection-executor.js';
import { MEMORY, readMemoryOptions, requireExecutor, type MemoryOptions } from './create-collection.js';
import { CollectionFileError, isMissingFile } from './folder/collection-file-error.js';
import { readItemLines } from './folder/item-lines.js';
import { readManifest, type Manifest } from './folder/manifest.js';
import { requireFolder } from './folder/require-folder.js';
import type { JsonObject } from './json.js';
import { VectorCollection } from './vector-collection.js';
import type { ItemRows } from './view.js';

export interface OpenOptions extends MemoryOptions {
  /**
   * Read the vectors into memory, so that the collection can be changed; `save` writes the changes. Default false: the vectors
   * stay in their file, shared with other processes, and are read when queries need them.
   */
  readonly writable?: boolean | undefined;
  /** Compare the checksums of all vectors. Those of ids and metadata are always compared. Default false. */
  readonly verify?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

const OPTIONS = optionNames<OpenOptions>({ ...MEMORY, writable: true, verify: true, signal: true });
/** Another process may replace the files between two reads. */
const MOST_TRIES = 5;

/** The contents of a folder; the matrix is that of the file. */
export interface Opened {
  readonly manifest: Manifest;
  readonly items: ItemRows;
  readonly matrix: CollectionMatrix;
}

/**
 * Opens a collection that {@link Collection.save} saved in a folder.
 *
 * @throws CollectionFileError or FileError that names the file that is missing or damaged, and the problem
 */
export async function openCollection<Metadata extends object = JsonObject>(
  executor: CollectionExecutor,
  folder: string,
  options?: OpenOptions,
): Promise<Collection<Metadata>> {
  requireExecutor(executor);
  requireFolder(folder);
  const given = readOptions('options', options, OPTIONS);
  const { writable = false, verify = false, signal } = given;
  if (typeof writable !== 'boolean') throw new TypeError(expected('writable', 'a boolean', writable));
  if (typeof verify !== 'boolean') throw new TypeError(expected('verify', 'a boolean', verify));
  requireSignal('signal', signal)?.throwIfAborted();
  const { hints, ...memory } = readMemoryOptions(given);
  const {
    manifest,
    items,
    matrix: file,
  } = await openNewest(folder, (path) => executor.open(path, { ...(writable ? {} : hints), verify, signal }), signal);
  const { metric } = manifest;
  const matrix = writable ? await copyOf(file, items, hints, executor) : file;
  const parts = { executor, matrix, items, metric, ...memory, isReadOnly: !writable };
  return new VectorCollection(parts) as unknown as Collection<Metadata>;
}

/** Opens the files that the manifest names, again if another process has replaced them meanwhile. */
export async function openNewest(
  folder: string,
  openMatrix: (path: string) => Promise<CollectionMatrix>,
  signal: AbortSignal | undefined,
): Promise<Opened> {
  for (let tries = 1; ; tries++) {
    const manifest = await readManifest(folder);
    try {
      return await openFiles(folder, manifest, openMatrix, signal);
    } catch (error) {
      const isReplaced = isMissingFile(error) && (await readManifest(folder)).generation !== manifest.generation;
      if (!isReplaced || tries === MOST_TRIES) throw error;
    }
  }
}

async function openFiles(
  folder: string,
  manifest: Manifest,
  openMatrix: (path: string) => Promise<CollectionMatrix>,
  signal: AbortSignal | undefined,
): Promise<Opened> {
  const path = join(folder, manifest.vectors);
  const matrix = await openMatrix(path);
  try {
    const { rows, dimensions, removed } = matrix;
    if (rows !== manifest.rows || dimensions !== manifest.dimensions) {
      const problem = `expected ${manifest.rows} rows of ${manifest.dimensions} dimensions, got ${rows} of ${dimensions}`;
      throw new CollectionFileError('damaged', path, problem);
    }
    const items = await readItemLines(join(folder, manifest.items), manifest, signal);
    for (const [row, item] of items.entries()) {
      if ((item === undefined) === isRemoved(removed, row)) continue;
      throw new CollectionFileError(
        'damaged',
        path,
        `row ${row}: removed in one of ${manifest.vectors} and ${manifest.items}`,
      );
    }
    return { manifest, items, matrix };
  } catch (error) {
    await matrix[Symbol.asyncDispose]();
    throw error;
  }
}

/** A matrix in memory with the rows of one that cannot be changed, which is disposed. */
async function copyOf(
  file: CollectionMatrix,
  items: ItemRows,
  hints: MatrixHints,
  executor: CollectionExecutor,
): Promise<CollectionMatrix> {
  try {
    const { values, dimensions, dtype, scale } = file;
    const matrix = await executor.matrix(values, { dimensions, dtype, scale, ...hints });
    const removed = Array.from(items.keys()).filter((row) => items[row] === undefined);
    if (removed.length > 0) await matrix.remove(removed);
    return matrix;
  } finally {
    await file[Symbol.asyncDispose]();
  }
}

function isRemoved(removed: CollectionMatrix['removed'], row: number): boolean {
  if (removed === undefined || row >= removed.rowCount) return false;
  return ((removed.words[row >>> 5] >>> (row & 31)) & 1) === 1;
}
