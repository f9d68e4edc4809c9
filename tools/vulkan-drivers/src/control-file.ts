import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

// The order of native/control_block.h, which explains the fields.

export const SETTINGS = [
  'allocation_first',
  'allocation_last',
  'allocation_result',
  'submit_first',
  'submit_last',
  'submit_result',
  'pipeline_first',
  'pipeline_last',
  'pipeline_result',
  'fence_first',
  'fence_last',
  'fence_result',
  'limit_bytes',
  'delay_ns',
] as const;

export const COUNTERS = [
  'devices',
  'live_devices',
  'allocations',
  'failed_allocations',
  'frees',
  'live_allocations',
  'bytes_in_use',
  'peak_bytes',
  'submits',
  'pipelines',
  'fences',
] as const;

export type Setting = (typeof SETTINGS)[number];
export type Counter = (typeof COUNTERS)[number];

const FIELD_BYTES = 8;

/** The file that the fault layer maps into its memory. What is written here is seen there at once, and the other way round. */
export class ControlFile {
  readonly path: string;
  readonly #descriptor: number;

  constructor() {
    this.path = join(mkdtempSync(join(tmpdir(), 'gearshift-vulkan-')), 'control');
    this.#descriptor = openSync(this.path, 'wx+', 0o600);
    writeSync(this.#descriptor, new Uint8Array((SETTINGS.length + COUNTERS.length) * FIELD_BYTES));
  }

  set(name: Setting, value: number | bigint): void {
    const field = BigInt64Array.of(BigInt(value));
    writeSync(this.#descriptor, field, 0, FIELD_BYTES, SETTINGS.indexOf(name) * FIELD_BYTES);
  }

  get(name: Counter): number {
    const field = new BigInt64Array(1);
    readSync(this.#descriptor, field, 0, FIELD_BYTES, (SETTINGS.length + COUNTERS.indexOf(name)) * FIELD_BYTES);
    return Number(field[0]);
  }

  close(): void {
    closeSync(this.#descriptor);
    rmSync(dirname(this.path), { recursive: true });
  }
}
