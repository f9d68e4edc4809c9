import type { MemoryReading } from '@gearshift/contracts';
import { readHostMemory } from '@gearshift/contracts/internal';

/** Memory that this process may use: the machine's, or what its control groups leave of it. */
export function readMemory(): MemoryReading {
  return { ...readHostMemory(), readAtMs: performance.now() };
}
