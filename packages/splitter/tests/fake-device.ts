import type { MemoryReading } from '@gearshift/contracts';

/** A memory source that returns the readings set by a test. */
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
