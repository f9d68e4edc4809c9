import type { MemoryReading } from '@gearshift/contracts';

/** A source of readings that a test sets. */
export class FakeDevice {
  freeBytes: number | null;
  totalBytes: number | null;
  readings = 0;
  failure: Error | undefined;

  constructor(freeBytes: number | null, totalBytes: number | null = freeBytes) {
    this.freeBytes = freeBytes;
    this.totalBytes = totalBytes;
  }

  memory(): MemoryReading {
    this.readings += 1;
    if (this.failure !== undefined) throw this.failure;
    return { freeBytes: this.freeBytes, totalBytes: this.totalBytes, readAtMs: 0 };
  }
}
