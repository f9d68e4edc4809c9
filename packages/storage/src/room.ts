import type { StoredRows } from '@gearshift/contracts';
import { CONTROL } from './control.js';
import { growTo, mostRowsOf, slotBytesOf } from './shared-memory.js';

/*
 * Room for changes: buffers grow in place, before the change begins.
 */

/** @throws RangeError when the address space reserved for the matrix is used up */
export function growForAppend(memory: StoredRows, rows: number): void {
  if (growTo(memory.rows, rows * memory.bytesPerRow) && growTo(memory.stamps, rows * 4)) return;
  throw new RangeError(
    `rows: expected at most ${mostRowsOf(memory)} rows in this matrix, which is the address space reserved for it, got ${rows}`,
  );
}

/** @param recorded more rows that the undo log has to have room for */
export function growForUpdate({ stamps, heads, log, bytesPerRow }: StoredRows, end: number, recorded: number): void {
  growTo(stamps, end * 4);
  growTo(heads, end * 4);
  if (recorded === 0) return;
  const slotBytes = slotBytesOf(bytesPerRow);
  const needed = log.byteLength + Math.max(recorded, 16) * slotBytes;
  if (growTo(log, Math.max(needed, Math.min(2 * log.byteLength, log.maxByteLength))) || growTo(log, needed)) return;
  throw new RangeError('rows: expected fewer changes while requests of earlier versions are under way');
}

export function growForRemove({ control, removals, removed: bitmap }: StoredRows, rows: number, removed: number): void {
  growTo(bitmap, Math.ceil(rows / 32) * 4);
  growTo(removals, (Atomics.load(control, CONTROL.removals) + removed) * 8);
}
