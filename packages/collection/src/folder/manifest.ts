import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { METRICS, type Metric } from '@gearshift/contracts';
import { asFileError, CollectionFileError } from './collection-file-error.js';

export const MANIFEST = 'manifest.json';
const FORMAT = 'gearshift-collection';
const VERSION = 1;
/** A manifest has some hundred bytes. */
const MOST_BYTES = 2 ** 16;

/** The one file of a folder that is replaced: it names the files of the state that was saved last. */
export interface Manifest {
  readonly format: string;
  readonly version: number;
  /** Counts the saves. */
  readonly generation: number;
  readonly dimensions: number;
  readonly metric: Metric;
  readonly rows: number;
  readonly vectors: string;
  readonly items: string;
  readonly itemsBytes: number;
  readonly itemsSha256: string;
}

export type SavedState = Omit<Manifest, 'format' | 'version'>;

/** Files of all generations, also those that a cut left behind. */
export function isOwnFile(name: string): boolean {
  return /^(vectors|items|manifest)-\d+-[0-9a-f]+\./.test(name);
}

export function encodeManifest(state: SavedState): string {
  const manifest: Manifest = { format: FORMAT, version: VERSION, ...state };
  return `${JSON.stringify({ ...manifest, sha256: sha256(JSON.stringify(manifest)) }, null, 2)}\n`;
}

/** @throws CollectionFileError */
export async function readManifest(folder: string): Promise<Manifest> {
  const path = join(folder, MANIFEST);
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw asFileError(path, error);
  });
  const parsed = parse(path, text);
  if (parsed['format'] !== FORMAT) throw new CollectionFileError('foreign', path, 'not a manifest of a collection');
  if (parsed['version'] !== VERSION) {
    const problem = `expected version ${VERSION} of the format, got ${String(parsed['version'])}; a newer version of this package may read it`;
    throw new CollectionFileError('unsupported', path, problem);
  }
  const { sha256: checksum, ...manifest } = parsed;
  if (checksum !== sha256(JSON.stringify(manifest))) throw damaged(path, 'its checksum is wrong');
  if (!isManifest(manifest)) throw damaged(path, 'a field is missing or wrong');
  return manifest;
}

function parse(path: string, text: string): Record<string, unknown> {
  if (text.length > MOST_BYTES)
    throw new CollectionFileError('foreign', path, 'too long for a manifest of a collection');
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null) return parsed as Record<string, unknown>;
  } catch {
    // The same as JSON of another kind.
  }
  throw damaged(path, 'expected a JSON object');
}

function isManifest(value: object): value is Manifest {
  const { generation, dimensions, metric, rows, vectors, items, itemsBytes, itemsSha256 } = value as Partial<Manifest>;
  return (
    isCount(generation) &&
    isCount(dimensions) &&
    dimensions > 0 &&
    METRICS.some((known) => known === metric) &&
    isCount(rows) &&
    isName(vectors) &&
    isName(items) &&
    isCount(itemsBytes) &&
    typeof itemsSha256 === 'string'
  );
}

/** Never a path to another folder. */
function isName(value: unknown): value is string {
  return typeof value === 'string' && isOwnFile(value) && !/[/\\]/.test(value);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function damaged(path: string, problem: string): CollectionFileError {
  return new CollectionFileError('damaged', path, problem);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
