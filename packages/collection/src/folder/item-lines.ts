import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { isError } from '@gearshift/contracts/internal';
import { requireId, type CollectionId } from '../collection-id.js';
import { frozenJson } from '../json.js';
import type { StoredItem } from '../read-items.js';
import type { ItemRows } from '../view.js';
import { asFileError, CollectionFileError } from './collection-file-error.js';
import type { Manifest } from './manifest.js';

/*
 * The ids and the metadata of a saved collection: for each row a line with JSON, `[id, metadata]`, or `null` for a removed row.
 * A bigint is written as `{"bigint":"1"}`.
 */

/** Lines are written together up to about so many characters. */
const PIECE_CHARACTERS = 2 ** 18;

export interface ItemSummary {
  bytes: number;
  sha256: string;
}

/** The text of the lines in pieces; `summary` is filled when the last piece has been taken. */
export function* encodeItems(items: ItemRows, summary: ItemSummary): Generator<string, void, undefined> {
  const hash = createHash('sha256');
  let piece = '';
  for (let row = 0; row < items.length; row++) {
    piece += `${encodeItem(items[row])}\n`;
    if (piece.length < PIECE_CHARACTERS && row < items.length - 1) continue;
    hash.update(piece);
    summary.bytes += Buffer.byteLength(piece);
    yield piece;
    piece = '';
  }
  summary.sha256 = hash.digest('hex');
}

function encodeItem(item: StoredItem | undefined): string {
  if (item === undefined) return 'null';
  const { id, metadata } = item;
  return JSON.stringify([typeof id === 'bigint' ? { bigint: String(id) } : id, metadata]);
}

/** @throws CollectionFileError that names the line */
export async function readItemLines(path: string, manifest: Manifest, signal?: AbortSignal): Promise<ItemRows> {
  const items: ItemRows = [];
  const ids = new Set<CollectionId>();
  const hash = createHash('sha256');
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let bytes = 0;
  let rest = '';
  const damaged = (problem: string, cause?: unknown): CollectionFileError =>
    new CollectionFileError('damaged', path, problem, { cause });
  const take = (line: string): void => {
    const name = `line ${items.length + 1}`;
    if (items.length === manifest.rows) throw damaged(`expected ${manifest.rows} lines, got more`);
    let item: StoredItem | undefined;
    try {
      item = decodeItem(JSON.parse(line));
    } catch (error) {
      throw damaged(`${name}: expected null or [id, metadata]`, error);
    }
    if (item !== undefined && ids.has(item.id)) throw damaged(`${name}: the id occurs a second time`);
    if (item !== undefined) ids.add(item.id);
    items.push(item);
  };
  try {
    for await (const chunk of createReadStream(path, { signal, highWaterMark: 2 ** 18 }) as AsyncIterable<Buffer>) {
      hash.update(chunk);
      bytes += chunk.length;
      if (bytes > manifest.itemsBytes) throw damaged(`expected ${manifest.itemsBytes} bytes, got more`);
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) take(line);
    }
  } catch (error) {
    signal?.throwIfAborted();
    if (isError(error, 'TypeError')) throw damaged('expected UTF-8 text', error);
    throw asFileError(path, error);
  }
  if (bytes < manifest.itemsBytes) {
    throw new CollectionFileError('truncated', path, `expected ${manifest.itemsBytes} bytes, got ${bytes}`);
  }
  if (hash.digest('hex') !== manifest.itemsSha256) throw damaged('its checksum is wrong');
  if (rest !== '' || items.length !== manifest.rows)
    throw damaged(`expected ${manifest.rows} lines, got ${items.length}`);
  return items;
}

function decodeItem(value: unknown): StoredItem | undefined {
  if (value === null) return undefined;
  const [id, metadata] = value as [unknown, object];
  return { id: requireId('id', decodeId(id)), metadata: frozenJson('metadata', metadata) };
}

function decodeId(id: unknown): unknown {
  return typeof id === 'object' && id !== null && 'bigint' in id ? BigInt(id.bigint as string) : id;
}
