import type { Elements, MatrixSnapshot, RowSpan, StoredRows } from '@gearshift/contracts';
import { elementsToFloat32, elementsView } from '@gearshift/contracts/internal';
import type { MatrixFields } from './generation.js';
import { baseVersionOf, CONTROL, isLater, readChanges, sequenceOf, type Header } from './control.js';
import type { UndoLog } from './undo-log.js';

/** Spans that are closer than this become one: a few rows more cost less than a span more. */
const MERGED_GAP_ROWS = 8;

interface MutableSpan {
  readonly start: number;
  end: number;
}

/** One version of a stored matrix. Its readers keep the version pinned. */
export class VersionSnapshot implements MatrixSnapshot {
  readonly memory: StoredRows;
  readonly sequence: number;
  readonly #header: Header;
  readonly #log: UndoLog;
  readonly #bytes: Uint8Array;
  readonly #fields: MatrixFields;

  /** @param bytes of the rows, for all versions: an array over memory that grows takes as long to make as a small request */
  constructor(memory: StoredRows, bytes: Uint8Array, header: Header, log: UndoLog, fields: MatrixFields) {
    this.memory = memory;
    this.#bytes = bytes;
    this.sequence = sequenceOf(header.version);
    this.#header = header;
    this.#log = log;
    this.#fields = fields;
  }

  isIntact(start: number, end: number): boolean {
    return !this.#log.hasChanged(start, end, this.sequence);
  }

  readRow(row: number, target: Float32Array): void {
    const { dtype = 'float32', dimensions } = this.#fields;
    if (dtype === 'float32') {
      this.readElements(row, target);
      return;
    }
    const elements = elementsView(dtype, new ArrayBuffer(this.memory.bytesPerRow), 0, dimensions);
    this.readElements(row, elements);
    elementsToFloat32(elements, this.#fields, target);
  }

  readElements(row: number, target: Elements): void {
    const { bytesPerRow } = this.memory;
    const bytes = new Uint8Array(target.buffer, target.byteOffset, bytesPerRow);
    const start = row * bytesPerRow;
    bytes.set(this.#bytes.subarray(start, start + bytesPerRow));
    if (this.isIntact(row, row + 1)) return;
    const old = this.#log.contentsOf(row, this.sequence);
    if (old !== undefined) bytes.set(old);
  }

  rowsChangedSince(version: number): readonly RowSpan[] | undefined {
    const { memory } = this;
    if (version > this.#header.version || version < baseVersionOf(memory.control)) return undefined;
    const spans: MutableSpan[] = [];
    // Most requests come after few changes; the stamps of all rows take longer to read.
    const changes = readChanges(memory.control, version, this.#header);
    if (changes !== undefined) {
      for (const { start, end } of [...changes].sort((a, b) => a.start - b.start)) addSpan(spans, start, end);
      return spans;
    }
    const since = sequenceOf(version);
    const end = Math.min(this.#header.rows, memory.stamps.byteLength / 4);
    // Without a length it would grow with the buffer, and each access would take many times as long.
    const stamps = new Int32Array(memory.stamps, 0, end);
    for (let row = 0; row < end; row++) {
      const stamp = stamps[row];
      if (stamp !== 0 && isLater(stamp, since)) addSpan(spans, row, row + 1);
    }
    return spans;
  }
}

/** Adds rows that begin after the start of the last span. */
function addSpan(spans: MutableSpan[], start: number, end: number): void {
  if (start === end) return;
  const last = spans.at(-1);
  if (last !== undefined && start - last.end <= MERGED_GAP_ROWS) last.end = Math.max(last.end, end);
  else spans.push({ start, end });
}

/** The bitmap of the rows that were removed up to this version. */
export function removedWords({ control, removed, removals }: StoredRows, header: Header): Uint32Array {
  const words = new Uint32Array(Math.ceil(header.rows / 32));
  const bitmap = new Uint32Array(removed);
  words.set(bitmap.subarray(0, words.length));
  const sequence = sequenceOf(header.version);
  const list = new Int32Array(removals);
  for (let entry = Atomics.load(control, CONTROL.removals) - 1; entry >= 0; entry--) {
    if (!isLater(list[2 * entry], sequence)) break;
    const row = list[2 * entry + 1] >>> 0;
    if (row < header.rows) words[row >>> 5] &= ~(1 << (row & 31));
  }
  return words;
}
