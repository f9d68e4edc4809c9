import { readHostMemory, type HostMemoryFiles, type MemoryReading } from '@gearshift/contracts';
import { requireClock, type Clock } from '../clock.js';

export interface HostMemoryOptions extends HostMemoryFiles {
  /** Monotonic, in milliseconds; default `performance.now()`. */
  readonly clock?: Clock | undefined;
}

/**
 * Memory that this process may still take from its machine: what the machine has free, or what the limits of its control
 * groups (version 1 or 2, at any level) leave, whichever is less. The kernel enforces such a limit by killing the process,
 * not by an error, so it must be known before memory is taken.
 *
 * A reading costs a handful of small synchronous file reads, some 100 microseconds.
 *
 * @example
 * const budget = createMemoryBudget(createHostMemorySource(), { capBytes: 2 ** 30 });
 */
export function createHostMemorySource(options: HostMemoryOptions = {}): () => MemoryReading {
  const { readTextFile, machine } = options;
  const clock = requireClock('clock', options.clock);
  return () => ({ ...readHostMemory({ readTextFile, machine }), readAtMs: clock() });
}
