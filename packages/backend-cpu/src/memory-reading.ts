import type { MemoryReading } from '@gearshift/contracts';
import { readHostMemory } from '@gearshift/contracts/internal';

/** Memory that this process may use: that of the machine, or what the limits of its control groups leave. */
export function readMemory(): MemoryReading {
  return { ...readHostMemory(), readAtMs: performance.now() };
}
