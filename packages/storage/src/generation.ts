import type { NativeRows, StoredRows, VectorMatrix } from '@gearshift/contracts';
import { CheckedMatrix, elementsView } from '@gearshift/contracts/internal';
import { CONTROL, FLAGS, isPinned, readHeader, type Header } from './control.js';
import { Pins } from './pins.js';
import { createRowWriter, type RowWriter } from './row-writer.js';
import { buffersOf } from './shared-memory.js';
import { UndoLog } from './undo-log.js';
import { removedWords, VersionSnapshot } from './version-snapshot.js';

/** What is the same in every version. */
export type MatrixFields = Pick<VectorMatrix, 'id' | 'dimensions' | 'dtype' | 'scale' | 'expectedUses' | 'companion'>;

/** A version that requests are answered from. */
export interface Version {
  readonly header: Header;
  readonly matrix: VectorMatrix;
  readonly generation: Generation;
}

/** The memory of a matrix as one thread sees it, until a compaction moves the rows to other memory. */
export class Generation {
  readonly memory: StoredRows;
  readonly #fields: MatrixFields;
  readonly #native: NativeRows | undefined;
  readonly #pins: Pins;
  readonly #log: UndoLog;
  readonly #bytes: Uint8Array;
  #writer: RowWriter | undefined;
  #version: Version | undefined;

  constructor(memory: StoredRows, fields: MatrixFields, native: NativeRows | undefined) {
    this.memory = memory;
    this.#fields = fields;
    this.#native = native;
    this.#pins = new Pins(memory.control, native);
    this.#log = new UndoLog(memory);
    this.#bytes = new Uint8Array(memory.rows);
  }

  /** The header of the newest version, which may be another one when the caller reads it. */
  header(): Header {
    const { control } = this.memory;
    for (;;) {
      const sequence = Atomics.load(control, CONTROL.current);
      const known = this.#version;
      if (known?.matrix.snapshot?.sequence === sequence) return known.header;
      const header = readHeader(control, sequence);
      if (Atomics.load(control, CONTROL.current) === sequence) return header;
    }
  }

  /**
   * The newest version, pinned until {@link release}.
   *
   * @throws TypeError when the matrix was disposed or has moved
   */
  acquire(): Version {
    const known = this.#version;
    const { sequence, header } = this.#pins.pin(known?.header);
    const state = Atomics.load(this.memory.control, CONTROL.flags);
    if ((state & (FLAGS.disposed | FLAGS.moved)) !== 0) {
      this.#pins.close();
      this.#pins.unpin(sequence);
      this.#dropIfUnused();
      throw goneError(state);
    }
    return known?.header === header ? known : (this.#version = this.#read(header));
  }

  release({ matrix }: Version): void {
    this.#pins.unpin(matrix.snapshot?.sequence ?? 0);
    if ((Atomics.load(this.memory.control, CONTROL.flags) & (FLAGS.disposed | FLAGS.moved)) !== 0) this.#dropIfUnused();
  }

  /** @throws TypeError when this thread cannot change the matrix */
  writer(isOwner: boolean): RowWriter {
    const state = Atomics.load(this.memory.control, CONTROL.flags);
    if ((state & (FLAGS.disposed | FLAGS.moved)) !== 0) throw goneError(state);
    return (this.#writer ??= createRowWriter(this.memory, this.#native, isOwner));
  }

  /** Nothing can be read or changed from now on. Memory is given back when the last request has ended, in whichever thread. */
  retire(flag: number): void {
    Atomics.or(this.memory.control, CONTROL.flags, flag);
    this.#pins.close();
    this.#dropIfUnused();
  }

  /** For a thread that has no more use for it, once its requests have ended. */
  close(): void {
    this.#pins.close();
  }

  #read(header: Header): Version {
    const { memory } = this;
    const before = this.#version;
    const { rows, version } = header;
    const { id, dimensions, dtype, scale, expectedUses, companion } = this.#fields;
    const values =
      before?.matrix.rows === rows
        ? before.matrix.values
        : elementsView(dtype ?? 'float32', memory.rows, 0, rows * dimensions);
    const matrix = new CheckedMatrix({
      id,
      version,
      rows,
      dimensions,
      values,
      dtype,
      scale,
      expectedUses,
      companion,
      removed: header.removedRows === 0 ? undefined : this.#removedRows(header),
      snapshot: new VersionSnapshot(memory, this.#bytes, header, this.#log, this.#fields),
    });
    return { header, matrix, generation: this };
  }

  /** Rows are never restored, so that equal numbers of removed rows mean the same ones. */
  #removedRows(header: Header): VectorMatrix['removed'] {
    const before = this.#version;
    if (before?.header.removedRows === header.removedRows) return before.matrix.removed;
    return { rowCount: header.rows, words: removedWords(this.memory, header) };
  }

  #dropIfUnused(): void {
    if (this.#native === undefined || isPinned(this.memory.control)) return;
    for (const buffer of buffersOf(this.memory)) {
      if (buffer.byteLength > 0) this.#native.dropPages(new Uint8Array(buffer));
    }
  }
}

export function goneError(flags: number): TypeError {
  return (flags & FLAGS.disposed) !== 0
    ? new TypeError('matrix is disposed')
    : new TypeError('matrix: another thread has compacted it; ask that thread for the matrix again');
}
