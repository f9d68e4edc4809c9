import { NATIVE_ROWS_STATUS, type NativeRows, type StoredRows } from '@gearshift/contracts';
import { CONTROL, readHeader } from './control.js';
import { growForAppend, growForRemove, growForUpdate } from './room.js';
import type { RowWriter } from './row-writer.js';

/**
 * Native code changes the matrix, from any thread, under a lock that it holds only within a call. It cannot grow buffers, so it
 * refuses a change without room, and this thread grows them: another thread may use up the room in between.
 */
export class NativeRowWriter implements RowWriter {
  readonly #memory: StoredRows;
  readonly #native: NativeRows;

  constructor(memory: StoredRows, native: NativeRows) {
    this.#memory = memory;
    this.#native = native;
  }

  append(rows: Uint8Array): number {
    const count = rows.length / this.#memory.bytesPerRow;
    return this.#change(
      () => growForAppend(this.#memory, this.#rowCount() + count),
      () => this.#native.append(this.#memory, rows),
    );
  }

  update(start: number, rows: Uint8Array): void {
    const count = rows.length / this.#memory.bytesPerRow;
    this.#change(
      () => growForUpdate(this.#memory, this.#rowCount(), count),
      () => this.#native.update(this.#memory, start, rows),
    );
  }

  remove(rows: Uint32Array): void {
    this.#change(
      () => growForRemove(this.#memory, this.#rowCount(), rows.length),
      () => this.#native.remove(this.#memory, rows),
    );
  }

  #change(makeRoom: () => void, change: () => number): number {
    for (;;) {
      const answer = change();
      if (answer >= 0) return answer;
      if (answer === NATIVE_ROWS_STATUS.gone) throw new TypeError('matrix is disposed');
      if (answer === NATIVE_ROWS_STATUS.outOfRange) throw new RangeError('rows: expected rows of the matrix');
      makeRoom();
    }
  }

  #rowCount(): number {
    const { control } = this.#memory;
    return readHeader(control, Atomics.load(control, CONTROL.current)).rows;
  }
}
