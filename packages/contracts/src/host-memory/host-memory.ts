import { readFileSync } from 'node:fs';
import { freemem, totalmem } from 'node:os';
import { readGroupMemory, type ReadTextFile } from './control-groups.js';

export interface HostMemory {
  readonly freeBytes: number;
  readonly totalBytes: number;
}

export interface HostMemoryFiles {
  /** Reads the kernel's files about control groups; a test may pass its own. */
  readonly readTextFile?: ReadTextFile | undefined;
  /** The memory of the machine without control groups; default `os.freemem` and `os.totalmem`. */
  readonly machine?: (() => HostMemory) | undefined;
}

/**
 * Memory that this process may still allocate: the free memory of the machine, or the rest of the limits of its control groups
 * (version 1 or 2, at any level), whichever is less. The kernel enforces such a limit by killing the process, not by an
 * error, so it must be known before an allocation.
 *
 * A reading costs a handful of small synchronous file reads, some 100 microseconds.
 */
export function readHostMemory(files: HostMemoryFiles = {}): HostMemory {
  const { readTextFile = readKernelFile, machine = readMachine } = files;
  const { freeBytes, totalBytes } = machine();
  const group = readGroupMemory(readTextFile);
  if (group === null) return { freeBytes, totalBytes };
  return { freeBytes: Math.min(freeBytes, group.freeBytes), totalBytes: Math.min(totalBytes, group.limitBytes) };
}

/** On Linux `freemem` is the kernel's estimate of the memory available without swapping (MemAvailable). */
function readMachine(): HostMemory {
  return { freeBytes: freemem(), totalBytes: totalmem() };
}

function readKernelFile(path: string): string {
  return readFileSync(path, 'utf8');
}
