import type { MemoryReading } from '@gearshift/contracts';
import { optionNames, readHostMemory, readOptions, type HostMemoryFiles } from '@gearshift/contracts/internal';
import { requireClock, type Clock } from '../timers.js';

export interface HostMemoryOptions extends HostMemoryFiles {
  /** Monotonic, in milliseconds; default `performance.now()`. */
  readonly clock?: Clock | undefined;
}

const OPTIONS = optionNames<HostMemoryOptions>({ readTextFile: true, machine: true, clock: true });

/**
 * Memory that this process may still take: the free memory of the machine, or what the limits of its control groups
 * (version 1 or 2, at any level) leave, whichever is less. A process above the limit of its container is killed without an
 * error, so the limit must be known in advance.
 *
 * A reading costs a handful of small synchronous file reads, some 100 microseconds.
 *
 * @example
 * const budget = createMemoryBudget(createHostMemorySource(), { capBytes: 2 ** 30 });
 */
export function createHostMemorySource(options: HostMemoryOptions = {}): () => MemoryReading {
  const { readTextFile, machine, clock: givenClock } = readOptions('options', options, OPTIONS);
  const clock = requireClock('clock', givenClock);
  return () => ({ ...readHostMemory({ readTextFile, machine }), readAtMs: clock() });
}
