import { totalmem } from 'node:os';
import type { MemoryReading } from '@gearshift/contracts';

/** Memory that this process may use: the machine's, or what its control group leaves of it. */
export function readMemory(): MemoryReading {
  // 0, or a number beyond any machine, where nothing is constrained.
  const limitBytes = process.constrainedMemory();
  const totalBytes = limitBytes > 0 ? Math.min(totalmem(), limitBytes) : totalmem();
  return {
    freeBytes: Math.min(totalBytes, process.availableMemory()),
    totalBytes,
    readAtMs: performance.now(),
  };
}
