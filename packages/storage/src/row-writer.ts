import type { NativeRows, StoredRows } from '@gearshift/contracts';
import { CONTROL, FLAGS } from './control.js';
import { NativeRowWriter } from './native-row-writer.js';
import { OwnerRowWriter } from './owner-row-writer.js';

/**
 * Changes the rows of a stored matrix, each time to a new version. The caller has checked all arguments; rows are bytes, whatever
 * their element type.
 */
export interface RowWriter {
  /** Returns the number of the first new row. */
  append(rows: Uint8Array): number;
  update(start: number, rows: Uint8Array): void;
  /** Rows that are removed already stay removed. */
  remove(rows: Uint32Array): void;
}

/** @throws TypeError when this thread cannot change the matrix */
export function createRowWriter(memory: StoredRows, native: NativeRows | undefined, isOwner: boolean): RowWriter {
  const flags = Atomics.load(memory.control, CONTROL.flags);
  if ((flags & FLAGS.readOnly) !== 0) throw readOnlyError();
  if ((flags & FLAGS.owned) !== 0 && !isOwner) {
    throw new TypeError('matrix: only the thread that opened its file can change it; send the change to that thread');
  }
  const isNative = (flags & FLAGS.native) !== 0;
  if (!isNative) {
    if (isOwner) return new OwnerRowWriter(memory);
    throw new TypeError(
      'matrix: only the thread that created it can change it, because there is no native code for it',
    );
  }
  if (native !== undefined) return new NativeRowWriter(memory, native);
  throw new TypeError('matrix: native code changes it in other threads, and could not be loaded in this one');
}

export function readOnlyError(): TypeError {
  return new TypeError(
    'matrix: its file was opened for reading; to change it, open it with { writable: true }, or copy it with matrix(other.values)',
  );
}
