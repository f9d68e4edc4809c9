import type { StoredRows } from '@gearshift/contracts';
import { CONTROL } from './control.js';
import { growTo, growTouched, mostRowsOf, slotBytesOf } from './shared-memory.js';

/*
 * Room for changes: buffers grow in place, before the change begins.
 */

/** @throws RangeError when the address space reserved for the matrix is used up */
export function growForAppend(memory: StoredRows, rows: number): void {
  const { heads } = memory;
  // Once there are heads, every row has one.
  const hasHeads = heads.byteLength === 0 || growTouched(heads, rows * 4);
  if (hasHeads && growTo(memory.rows, rows * memory.bytesPerRow) && growTouched(memory.stamps, rows * 4)) return;
  throw new RangeError(
    `rows: expected at most ${mostRowsOf(memory)} rows in this matrix, which is the address space reserved for it, got ${rows}`,
  );
}

/**
 * @param rows of the newest version: native code reads the head of any of them
 * @param recorded more rows that the undo log has to have room for
 */
export function growForUpdate({ stamps, heads, log, bytesPerRow }: StoredRows, rows: number, recorded: number): void {
  growTouched(stamps, rows * 4);
  growTouched(heads, rows * 4);
  if (recorded === 0) return;
  const slotBytes = slotBytesOf(bytesPerRow);
  const needed = log.byteLength + Math.max(recorded, 16) * slotBytes;
  const roomy = Math.max(needed, Math.min(2 * log.byteLength, log.maxByteLength));
  if (growTouched(log, roomy) || growTouched(log, needed)) return;
  throw undoLogFull();
}

const UNDO_LOG_FULL = 'ERR_UNDO_LOG_FULL';

/** Requests of earlier versions need all that the undo log has, and it has no address space left. */
export function undoLogFull(): RangeError {
  const error = new RangeError('rows: expected fewer changes while requests of earlier versions are under way');
  return Object.assign(error, { code: UNDO_LOG_FULL });
}

export function isUndoLogFull(error: unknown): boolean {
  return (error as { readonly code?: unknown } | null | undefined)?.code === UNDO_LOG_FULL;
}

export function growForRemove({ control, removals, removed: bitmap }: StoredRows, rows: number, removed: number): void {
  growTo(bitmap, Math.ceil(rows / 32) * 4);
  growTo(removals, (Atomics.load(control, CONTROL.removals) + removed) * 8);
}
