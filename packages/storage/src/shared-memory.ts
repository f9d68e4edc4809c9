import type { NativeRows, StoredRows } from '@gearshift/contracts';
import { CONTROL_BYTES } from './control.js';

/** Address space for the rows to grow into, if the runtime gives as much: it takes no memory until rows are there. */
const RESERVED_BYTES = 16 * 2 ** 30;
/** Node 20 allows no more for a buffer that grows. */
const SMALL_RESERVED_BYTES = 4 * 2 ** 30 - 2 ** 16;
const RESERVED_FACTOR = 4;
const PAGE_BYTES = 4096;
const TOUCHED_BYTES = 2 ** 20;
/** Below this, huge pages would take more memory than the rows. */
const HUGE_PAGE_BYTES = 2 * 2 ** 20;

export const SLOT_HEADER_BYTES = 16;

/** Bytes of a slot of the undo log: a header and an old row. */
export function slotBytesOf(bytesPerRow: number): number {
  return SLOT_HEADER_BYTES + Math.ceil(bytesPerRow / 16) * 16;
}

/**
 * New memory for a matrix of so many rows.
 *
 * @throws RangeError when there is no memory or no address space for it
 */
export function createMemory(bytesPerRow: number, rows: number, native: NativeRows | undefined): StoredRows {
  const rowMemory = growable(rows * bytesPerRow);
  adviseHugePages(rowMemory, native);
  const mostRows = Math.floor(rowMemory.maxByteLength / bytesPerRow);
  return {
    bytesPerRow,
    control: createControl(),
    rows: rowMemory,
    stamps: reserve(0, mostRows * 4),
    heads: reserve(0, mostRows * 4),
    log: reserve(0, rowMemory.maxByteLength * 2),
    removed: reserve(0, Math.ceil(mostRows / 32) * 4),
    removals: reserve(0, mostRows * 8),
  };
}

/** Memory without contents yet, of a length that does not change. */
export function createFixed(name: string, byteLength: number, native: NativeRows | undefined): SharedArrayBuffer {
  const memory = fixed(name, byteLength);
  adviseHugePages(memory, native);
  return memory;
}

export function createControl(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(CONTROL_BYTES));
}

/** The most rows that fit into the memory. */
export function mostRowsOf({ rows, bytesPerRow }: StoredRows): number {
  return Math.floor(rows.maxByteLength / bytesPerRow);
}

/**
 * Makes a buffer at least so long, and longer in steps, so that growing by single rows is rare.
 *
 * @returns whether it is; false when it has no address space left
 */
export function growTo(buffer: SharedArrayBuffer, byteLength: number): boolean {
  while (buffer.byteLength < byteLength) {
    if (byteLength > buffer.maxByteLength) return false;
    const roomy = Math.max(byteLength, Math.ceil((buffer.byteLength * 5) / 4));
    const pages = Math.ceil(roomy / PAGE_BYTES) * PAGE_BYTES;
    try {
      buffer.grow(Math.min(pages, buffer.maxByteLength));
    } catch (error) {
      // Another thread may have made it longer meanwhile.
      if (buffer.byteLength < byteLength) throw error;
    }
  }
  return true;
}

/**
 * The same for memory of which single rows change in any order: touches new pages here, because the system takes longer to give a
 * page at its first use than a change of a row takes. At most {@link TOUCHED_BYTES} at a time.
 */
export function growTouched(buffer: SharedArrayBuffer, byteLength: number): boolean {
  const before = buffer.byteLength;
  if (!growTo(buffer, byteLength)) return false;
  if (buffer.byteLength === before) return true;
  const bytes = new Uint8Array(buffer);
  const end = Math.min(bytes.length, before + TOUCHED_BYTES);
  // Changes no byte: another thread may use the memory already.
  for (let at = before; at < end; at += PAGE_BYTES) Atomics.or(bytes, at, 0);
  return true;
}

/** Every buffer of the memory except for the control block. */
export function buffersOf({
  rows,
  stamps,
  heads,
  log,
  removed,
  removals,
  companion,
}: StoredRows): readonly SharedArrayBuffer[] {
  const buffers = [rows, stamps, heads, log, removed, removals];
  return companion === undefined ? buffers : [...buffers, companion.memory];
}

function growable(byteLength: number): SharedArrayBuffer {
  const wanted = Math.max(RESERVED_BYTES, byteLength * RESERVED_FACTOR);
  for (const most of [wanted, SMALL_RESERVED_BYTES]) {
    if (most < byteLength) continue;
    try {
      return new SharedArrayBuffer(byteLength, { maxByteLength: most });
    } catch {
      // The next one asks for less.
    }
  }
  // Node 20 has no growable buffers of this size: the matrix cannot grow.
  return fixed('rows', byteLength);
}

/** Growable if possible, because only such a buffer has whole pages that belong to it alone. */
function fixed(name: string, byteLength: number): SharedArrayBuffer {
  try {
    return new SharedArrayBuffer(byteLength, { maxByteLength: byteLength });
  } catch {
    // Node 20 has no growable buffers of more than 4 GiB.
  }
  try {
    return new SharedArrayBuffer(byteLength);
  } catch (cause) {
    throw new RangeError(`${name}: expected as many as fit in memory, got ${byteLength} bytes`, { cause });
  }
}

function adviseHugePages(memory: SharedArrayBuffer, native: NativeRows | undefined): void {
  if (native === undefined || memory.byteLength < HUGE_PAGE_BYTES) return;
  native.adviseHugePages(new Uint8Array(memory));
}

function reserve(byteLength: number, most: number): SharedArrayBuffer {
  try {
    return new SharedArrayBuffer(byteLength, { maxByteLength: Math.max(most, byteLength) });
  } catch {
    return new SharedArrayBuffer(byteLength, { maxByteLength: SMALL_RESERVED_BYTES });
  }
}
