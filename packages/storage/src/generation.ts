import type { NativeRows, StoredRows, VectorMatrix } from '@gearshift/contracts';
import { CheckedMatrix, elementsView } from '@gearshift/contracts/internal';
import { CONTROL, readHeader, type Header } from './control.js';
import { HeldMemory } from './held-memory.js';
import { createRowWriter, type RowWriter } from './row-writer.js';
import { buffersOf } from './shared-memory.js';
import { UndoLog } from './undo-log.js';
import type { Version } from './version.js';
import { removedWords, VersionSnapshot } from './version-snapshot.js';

/** What is the same in every version. */
export type MatrixFields = Pick<VectorMatrix, 'id' | 'dimensions' | 'dtype' | 'scale' | 'expectedUses' | 'companion'>;

interface MatrixVersion extends Version<VectorMatrix> {
  readonly header: Header;
}

/** The memory of a matrix as one thread sees it, until a compaction moves the rows to other memory. */
export class Generation {
  readonly memory: StoredRows;
  readonly #fields: MatrixFields;
  readonly #native: NativeRows | undefined;
  readonly #held: HeldMemory;
  readonly #log: UndoLog;
  readonly #bytes: Uint8Array;
  #writer: RowWriter | undefined;
  #version: MatrixVersion | undefined;

  /** @param onDispose see {@link HeldMemory} */
  constructor(memory: StoredRows, fields: MatrixFields, native: NativeRows | undefined, onDispose: () => void) {
    this.memory = memory;
    this.#fields = fields;
    this.#native = native;
    const { control } = memory;
    this.#held = new HeldMemory({ name: 'matrix', control, buffers: buffersOf(memory), native, onDispose });
    this.#log = new UndoLog(memory);
    this.#bytes = new Uint8Array(memory.rows);
  }

  /** The header of the newest version, which may be another one when the caller reads it. */
  header(): Header {
    const { control } = this.memory;
    for (;;) {
      const sequence = Atomics.load(control, CONTROL.current);
      const known = this.#version;
      if (known?.operand.snapshot?.sequence === sequence) return known.header;
      const header = readHeader(control, sequence);
      if (Atomics.load(control, CONTROL.current) === sequence) return header;
    }
  }

  /**
   * The newest version, pinned until it is released.
   *
   * @throws TypeError when the matrix was disposed or has moved
   */
  acquire(): Version<VectorMatrix> {
    const known = this.#version;
    const { sequence, header } = this.#held.hold(known?.header);
    return known?.header === header ? known : (this.#version = this.#read(header, sequence));
  }

  /** @throws TypeError when this thread cannot change the matrix */
  writer(isOwner: boolean): RowWriter {
    this.#held.requireLive();
    return (this.#writer ??= createRowWriter(this.memory, this.#native, isOwner));
  }

  /** Nothing can be read or changed from now on. Memory is given back when the last request has ended, in whichever thread. */
  retire(flag: number): void {
    this.#held.retire(flag);
  }

  /** For a thread that has no more use for it, once its requests have ended. */
  close(): void {
    this.#held.close();
  }

  #read(header: Header, sequence: number): MatrixVersion {
    const { memory } = this;
    const before = this.#version;
    const { rows, version } = header;
    const { id, dimensions, dtype, scale, expectedUses, companion } = this.#fields;
    const values =
      before?.operand.rows === rows
        ? before.operand.values
        : elementsView(dtype ?? 'float32', memory.rows, 0, rows * dimensions);
    const operand = new CheckedMatrix({
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
    return { header, operand, release: () => this.#held.release(sequence) };
  }

  /** Rows are never restored, so that equal numbers of removed rows mean the same ones. */
  #removedRows(header: Header): VectorMatrix['removed'] {
    const before = this.#version;
    if (before?.header.removedRows === header.removedRows) return before.operand.removed;
    return { rowCount: header.rows, words: removedWords(this.memory, header) };
  }
}
