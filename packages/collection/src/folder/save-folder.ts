import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { ItemRows } from '../view.js';
import { asFileError } from './collection-file-error.js';
import type { FolderSystem } from './folder-system.js';
import { encodeItems, type ItemSummary } from './item-lines.js';
import { encodeManifest, isOwnFile, MANIFEST, readManifest, type Manifest } from './manifest.js';

/** One state of a collection. */
export interface SavedContents {
  readonly items: ItemRows;
  /** Fulfilled when its vectors are in their file. */
  readonly vectorsSaved: Promise<void>;
}

/**
 * Saves a collection in a folder: each time in new files, which become the saved state when the manifest that names them
 * replaces the one before. A cut at any time leaves the state before or the new one. Then the files before are removed.
 *
 * @param begin begins to save the vectors in the file with this path
 * @throws CollectionFileError, or the error of the vectors; the files of the failed save are removed, if that is possible
 */
export async function saveFolder(
  folder: string,
  { dimensions, metric }: Pick<Manifest, 'dimensions' | 'metric'>,
  begin: (path: string) => Promise<SavedContents>,
  system: FolderSystem,
  signal?: AbortSignal,
): Promise<void> {
  signal?.throwIfAborted();
  try {
    await system.makeFolder(folder);
    const generation = (await lastGeneration(folder)) + 1;
    const tag = `${generation}-${randomBytes(6).toString('hex')}`;
    const vectors = `vectors-${tag}.gearshift`;
    const items = `items-${tag}.jsonl`;
    const aside = `manifest-${tag}.json`;
    try {
      const contents = await begin(join(folder, vectors));
      await contents.vectorsSaved;
      const summary: ItemSummary = { bytes: 0, sha256: '' };
      await system.create(join(folder, items), encodeItems(contents.items, summary), signal);
      const state = { generation, dimensions, metric, rows: contents.items.length, vectors, items };
      const text = encodeManifest({ ...state, itemsBytes: summary.bytes, itemsSha256: summary.sha256 });
      await system.create(join(folder, aside), [text], signal);
      // The names of the new files are durable before the manifest that names them.
      await system.syncFolder(folder);
      await system.rename(join(folder, aside), join(folder, MANIFEST));
    } catch (error) {
      await removeFiles(folder, [aside, items, vectors], system);
      throw error;
    }
    await system.syncFolder(folder);
    const names = await system.list(folder).catch(() => []);
    const old = names.filter((name) => isOwnFile(name) && name !== vectors && name !== items);
    await removeFiles(folder, old, system);
  } catch (error) {
    throw asFileError(folder, error);
  }
}

/** 0 if nothing was saved there, or nothing that can be read. */
async function lastGeneration(folder: string): Promise<number> {
  const manifest = await readManifest(folder).catch((): Pick<Manifest, 'generation'> => ({ generation: 0 }));
  return manifest.generation;
}

/** What stays is removed after the next save. */
async function removeFiles(folder: string, names: readonly string[], system: FolderSystem): Promise<void> {
  for (const name of names) await system.remove(join(folder, name)).catch(() => undefined);
}
