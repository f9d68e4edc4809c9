import type { MemoryReading } from '@gearshift/contracts';
import { expected } from '@gearshift/contracts/internal';

/** Reads how much memory a device has: a function, or an object with such a method, such as every backend. */
export type MemorySource = (() => MemoryReading) | MemoryReader;

/** An object that reads the memory of a device, such as every backend. */
export interface MemoryReader {
  memory(): MemoryReading;
}

/** Either form of a source as a function. */
export function readerOf(source: MemorySource): () => MemoryReading {
  if (typeof source === 'function') return source;
  if (typeof source?.memory === 'function') return () => source.memory();
  throw new TypeError(expected('source', 'a function, or an object with a function `memory`', source));
}

/** A valid reading, or null. */
export function tryRead(read: () => MemoryReading): { freeBytes: number | null; totalBytes: number | null } | null {
  try {
    const { freeBytes, totalBytes } = read();
    if (!isAmount(freeBytes) || !isAmount(totalBytes)) return null;
    return { freeBytes, totalBytes };
  } catch {
    return null;
  }
}

function isAmount(bytes: unknown): bytes is number | null {
  return bytes === null || (typeof bytes === 'number' && bytes >= 0);
}
