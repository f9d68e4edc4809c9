import { ROWS_TOGETHER } from '../kernels/lay-out.js';
import { ROWS_OF_WORKGROUP } from '../kernels/scan.js';
import type { TileItems } from './selection.js';

export const MOST_WORKGROUPS = 65_535;

/** Items of one tile that one submit scans. */
export interface Piece extends TileItems {
  readonly groups: number;
}

/** Items in submits of at most so many workgroups. */
export function* piecesOf(items: readonly TileItems[], groupsOfSubmit: () => number): Generator<Piece[]> {
  let pieces: Piece[] = [];
  let groupsLeft = groupsOfSubmit();
  for (const ofTile of items) {
    for (let start = ofTile.start; start < ofTile.stop;) {
      if (groupsLeft === 0) {
        yield pieces;
        pieces = [];
        groupsLeft = groupsOfSubmit();
      }
      const origin = originOf(start);
      const stop = Math.min(ofTile.stop, origin + Math.min(groupsLeft, MOST_WORKGROUPS) * ROWS_OF_WORKGROUP);
      const groups = Math.ceil((stop - origin) / ROWS_OF_WORKGROUP);
      pieces.push({ ...ofTile, start, stop, groups });
      groupsLeft -= groups;
      start = stop;
    }
  }
  if (pieces.length > 0) yield pieces;
}

/** Workgroups begin with whole groups of rows. */
export function originOf(item: number): number {
  return Math.floor(item / ROWS_TOGETHER) * ROWS_TOGETHER;
}

export function itemCount(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, { start, stop }) => sum + stop - start, 0);
}

export function groupCount(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, { groups }) => sum + groups, 0);
}
