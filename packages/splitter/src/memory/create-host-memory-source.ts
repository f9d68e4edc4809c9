import { readFileSync } from 'node:fs';
import { freemem, totalmem } from 'node:os';
import type { MemoryReading } from '@gearshift/contracts';
import { requireClock, type Clock } from '../timers.js';
import { readGroupMemory, type ReadTextFile } from './read-group-memory.js';

export interface HostMemoryOptions {
  /** Reads the kernel's files about control groups; a test may hand in its own. */
  readonly readTextFile?: ReadTextFile | undefined;
  /** Memory of the machine, without its control groups; default `os.freemem` and `os.totalmem`. */
  readonly machine?: (() => { readonly freeBytes: number; readonly totalBytes: number }) | undefined;
  /** Monotonic, in milliseconds; default `performance.now()`. */
  readonly clock?: Clock | undefined;
}

/**
 * Memory that this process may still take: the free memory of the machine, or what the limits of its control groups
 * (version 1 or 2, at any level) leave, whichever is less. A process above the limit of its container is killed without an
 * error, so the limit must be known before.
 *
 * A reading costs a handful of small synchronous file reads, tens of microseconds.
 *
 * @example
 * const budget = createMemoryBudget(createHostMemorySource(), { capBytes: 2 ** 30 });
 */
export function createHostMemorySource(options: HostMemoryOptions = {}): () => MemoryReading {
  const { readTextFile = readKernelFile, machine = readMachine } = options;
  const clock = requireClock('clock', options.clock);
  return () => {
    const { freeBytes, totalBytes } = machine();
    const group = readGroupMemory(readTextFile);
    if (group === null) return { freeBytes, totalBytes, readAtMs: clock() };
    return {
      freeBytes: Math.min(freeBytes, group.freeBytes),
      totalBytes: Math.min(totalBytes, group.limitBytes),
      readAtMs: clock(),
    };
  };
}

/** On Linux `freemem` is the kernel's estimate of what can be allocated without swapping (MemAvailable). */
function readMachine(): { freeBytes: number; totalBytes: number } {
  return { freeBytes: freemem(), totalBytes: totalmem() };
}

function readKernelFile(path: string): string {
  return readFileSync(path, 'utf8');
}
