import { isAbsolute, relative, resolve, sep } from 'node:path';
import { expected, optionNames, readOptions, requireSignal } from '@gearshift/contracts/internal';
import type { Collection } from './collection.js';
import type { CollectionMatrix, PlacingExecutor } from './collection-executor.js';
import { readMemoryOptions, requireExecutor } from './create-collection.js';
import type { Manifest } from './folder/manifest.js';
import { requireFolder } from './folder/require-folder.js';
import type { JsonObject } from './json.js';
import { openNewest } from './open-collection.js';
import { PlacedRows } from './placed-rows.js';
import { VectorCollection } from './vector-collection.js';

export interface PlaceCollectionOptions {
  /** The folder below which the other machines find the files, as this machine sees it: the collection is saved in a folder within. */
  readonly dataRoot: string;
  /** Number of filters with rows that are kept. Each takes one bit for each item. Default 64. */
  readonly cachedFilters?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const OPTIONS = optionNames<PlaceCollectionOptions>({ dataRoot: true, cachedFilters: true, signal: true });

/**
 * Opens a saved collection with its vectors on other machines: ids and metadata are in this process, queries run on the machines. The
 * vectors are loaded there unless this state of the folder is there already, placed by whichever process.
 *
 * The collection cannot be changed. Changed data is a new state: save it in the folder and place it again, under the same name. The machines
 * drop the state before some seconds later, and queries of collections that have it reject with an error of the kind `'stale'`.
 *
 * @param name of the vectors on the machines, which all processes share
 * @throws CollectionFileError or FileError that names the file that is missing or damaged; TypeError when the executor has no backend that
 * can place matrices, or the machines cannot use the files
 *
 * @example
 * const executor = await createExecutor({ backends: [cluster] });
 * await using articles = await placeCollection(executor, 'articles', '/data/articles', { dataRoot: '/data' });
 * const matches = await articles.query({ vector, k: 10 });
 */
export async function placeCollection<Metadata extends object = JsonObject>(
  executor: PlacingExecutor,
  name: string,
  folder: string,
  options: PlaceCollectionOptions,
): Promise<Collection<Metadata>> {
  requireExecutor(executor);
  if (typeof executor.place !== 'function' || typeof executor.placed !== 'function') {
    throw new TypeError(expected('executor', 'one with place() and placed()', executor));
  }
  requireFolder(folder);
  const { dataRoot, cachedFilters, signal } = readOptions('options', options, OPTIONS);
  const below = pathBelow(dataRoot, folder);
  requireSignal('signal', signal)?.throwIfAborted();
  const { hints: _, ...memory } = readMemoryOptions({ cachedFilters });
  // Mapped where that is possible: only the vectors of items that the program asks for are read.
  const open = (path: string) => executor.open(path, { signal });
  const { manifest, items, matrix } = await openNewest(folder, open, signal);
  try {
    if (matrix.removed !== undefined) {
      throw new TypeError(
        `folder: expected vectors of items alone; ${folder} also has those of deleted ones: compact() it before save()`,
      );
    }
    const placed = matrix.rows === 0 ? undefined : await place(executor, name, below, manifest, matrix, signal);
    const parts = { executor, matrix, items, metric: manifest.metric, ...memory, isReadOnly: true, placed };
    return new VectorCollection(parts) as unknown as Collection<Metadata>;
  } catch (error) {
    await matrix[Symbol.asyncDispose]();
    throw error;
  }
}

/** The state that the manifest names, as it is on the machines already, or loaded now. */
async function place(
  executor: PlacingExecutor,
  name: string,
  below: string,
  { vectors }: Manifest,
  { rows, dimensions, dtype, scale }: CollectionMatrix,
  signal: AbortSignal | undefined,
): Promise<PlacedRows> {
  // No two saves have the same name of their file.
  const label = vectors.replace(/\.[^.]*$/, '');
  const there = executor.placed(name);
  const isSame = there?.label === label && there.rows === rows && there.dimensions === dimensions;
  const source = { files: `${below}/${vectors}`, rows, dimensions, dtype, scale, label };
  return new PlacedRows(executor, name, isSame ? there : await executor.place(name, source, { signal }));
}

/** The path of the folder below the root, as the machines have it. */
function pathBelow(dataRoot: string, folder: string): string {
  if (typeof dataRoot !== 'string' || dataRoot === '') {
    throw new TypeError(expected('dataRoot', 'the path of a folder', dataRoot));
  }
  const path = relative(resolve(dataRoot), resolve(folder));
  if (path === '' || path === '..' || path.startsWith(`..${sep}`) || isAbsolute(path)) {
    throw new RangeError(expected('folder', `a folder below dataRoot, which is ${dataRoot}`, folder));
  }
  return path.split(sep).join('/');
}
