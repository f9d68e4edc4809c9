import type { RowSetLike } from '@gearshift/contracts';
import type { ScanSelection } from '../kernels/scan.js';
import type { MatrixCopy, Tile } from '../residency/matrix-copy.js';

/** The rows that a request considers. */
export interface RowSelection {
  readonly start: number;
  readonly end: number;
  readonly where: RowSetLike | undefined;
  readonly candidates: Uint32Array | undefined;
}

/** What a scan reads of one tile: the items `[start, stop)`, which are rows of the tile or entries of a list of them. */
export interface TileItems {
  readonly tile: Tile;
  readonly start: number;
  readonly stop: number;
  /** Words of a set, or a list of rows of the tile. */
  readonly selected: Uint32Array | undefined;
  /** The item that bit 0 of the first word stands for. */
  readonly wordBase: number;
}

export function selectionKind({ where, candidates }: RowSelection): ScanSelection {
  if (candidates !== undefined) return 'list';
  return where === undefined ? 'range' : 'words';
}

/** The selection by tiles, without those of which nothing is selected. */
export function itemsOf(copy: MatrixCopy, { start, end, where, candidates }: RowSelection): TileItems[] {
  const sorted = candidates?.toSorted();
  const items: TileItems[] = [];
  for (const tile of copy.tiles) {
    const from = Math.max(start, tile.first);
    const to = Math.min(end, tile.first + tile.capacity, copy.rows);
    if (from >= to) continue;
    if (sorted !== undefined) {
      const list = sorted.filter((row) => row >= from && row < to).map((row) => row - tile.first);
      if (list.length > 0) items.push({ tile, start: 0, stop: list.length, selected: list, wordBase: 0 });
      continue;
    }
    const firstWord = Math.floor(from / 32);
    const selected = where?.words.subarray(firstWord, Math.ceil(to / 32));
    items.push({
      tile,
      start: from - tile.first,
      stop: to - tile.first,
      selected,
      wordBase: firstWord * 32 - tile.first,
    });
  }
  return items;
}
