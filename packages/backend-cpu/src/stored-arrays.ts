import type { MatrixSnapshot, StoredRows } from '@gearshift/contracts';
import type { StoredArguments, StoredMemoryArguments } from './addon.js';

/** Arrays over the memory of stored matrices, which grow with it: making them takes longer than a small request. */
const arraysOfMemory = new WeakMap<StoredRows, StoredMemoryArguments>();

/** The memory of a stored matrix as the addon takes it. */
export function storedMemory(memory: StoredRows): StoredMemoryArguments {
  let arrays = arraysOfMemory.get(memory);
  if (arrays === undefined) {
    arrays = [
      memory.control,
      new Uint8Array(memory.rows),
      new Int32Array(memory.stamps),
      new Uint32Array(memory.heads),
      new Uint8Array(memory.log),
      new Uint32Array(memory.removed),
      new Int32Array(memory.removals),
      memory.bytesPerRow,
    ];
    arraysOfMemory.set(memory, arrays);
  }
  return arrays;
}

/** The part of it that a reader needs. */
export function storedArrays(memory: StoredRows): [control: Int32Array, heads: Uint32Array, log: Uint8Array] {
  const [control, , , heads, log] = storedMemory(memory);
  return [control, heads, log];
}

/** The arguments of an entry for rows that may change; none for others. */
export function storedArguments(snapshot: MatrixSnapshot | undefined): StoredArguments {
  return snapshot === undefined ? [] : [snapshot.sequence, ...storedArrays(snapshot.memory)];
}
