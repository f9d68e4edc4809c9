import type { MemoryReading } from '@gearshift/contracts';
import { expected } from '@gearshift/contracts/internal';

/** Tells how much memory a device has: a function, or anything with such a method, as every backend. */
export type MemorySource = (() => MemoryReading) | MemoryTeller;

/** What every backend can do. */
export interface MemoryTeller {
  memory(): MemoryReading;
}

/** Both forms of a source as one. */
export function readerOf(source: MemorySource): () => MemoryReading {
  if (typeof source === 'function') return source;
  if (typeof source?.memory === 'function') return () => source.memory();
  throw new TypeError(expected('source', 'a function, or an object with a function `memory`', source));
}

/** A reading that makes sense, or null: what a source of someone else's answers may be anything. */
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
