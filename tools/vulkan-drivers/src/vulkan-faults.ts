import { ControlFile, type Counter } from './control-file.js';

export type FaultyCall = 'allocation' | 'submit' | 'pipeline' | 'fence';
export type FaultResult = 'out-of-memory' | 'out-of-host-memory' | 'device-lost';

/** The number of each call so far, over all devices and all processes with the same control file. */
export interface FaultCounters {
  readonly devices: number;
  readonly liveDevices: number;
  /** With those that failed. */
  readonly allocations: number;
  readonly failedAllocations: number;
  readonly frees: number;
  readonly liveAllocations: number;
  readonly bytesInUse: number;
  readonly peakBytes: number;
  /** With those that failed. */
  readonly submits: number;
  /** Compute pipelines, with those that failed. */
  readonly pipelines: number;
  /** Calls that ask for the state of a fence or wait for it. */
  readonly fences: number;
}

/** SwiftShader and lavapipe take all memory of the machine if a test asks for it. */
const DEFAULT_LIMIT_BYTES = 2 ** 30;
const FOR_GOOD = 2n ** 63n - 1n;

const RESULT_CODES: Record<FaultResult, number> = {
  'out-of-host-memory': -1,
  'out-of-memory': -2,
  'device-lost': -4,
};
const DEFAULT_RESULTS: Record<FaultyCall, FaultResult> = {
  allocation: 'out-of-memory',
  submit: 'device-lost',
  pipeline: 'out-of-host-memory',
  fence: 'device-lost',
};
const COUNTERS: Record<FaultyCall, Counter> = {
  allocation: 'allocations',
  submit: 'submits',
  pipeline: 'pipelines',
  fence: 'fences',
};

/**
 * Sets faults of a driver and reads its counters, from the process that runs Dawn or from another one. A fault counts calls from the
 * moment it is set, so set it while the GPU has nothing to do.
 */
export class VulkanFaults {
  readonly #file = new ControlFile();

  constructor() {
    this.clear();
  }

  /** Where the layer finds the settings: the value of GEARSHIFT_VULKAN_FAULTS. */
  get path(): string {
    return this.#file.path;
  }

  /**
   * Makes the n-th call from now on fail (1: the next one), and with `forGood` all later ones too. Replaces an earlier fault of the
   * same kind of call.
   *
   * A result of device-lost (default for submits and fences) stays: all later submits and waits of that device fail. A new device
   * works.
   */
  fail(call: FaultyCall, n: number, options: { readonly forGood?: boolean; readonly result?: FaultResult } = {}): void {
    if (!Number.isSafeInteger(n) || n < 1) throw new RangeError(`n: expected a whole number from 1, got ${n}`);
    const first = this.#file.get(COUNTERS[call]) + n;
    this.#file.set(`${call}_last`, 0);
    this.#file.set(`${call}_first`, first);
    this.#file.set(`${call}_result`, RESULT_CODES[options.result ?? DEFAULT_RESULTS[call]]);
    this.#file.set(`${call}_last`, options.forGood === true ? FOR_GOOD : first);
  }

  /** Bytes that all devices together may allocate; a larger allocation fails as out of memory. Starts with 1 GiB. */
  limitMemory(limitBytes: number): void {
    this.#file.set('limit_bytes', limitBytes);
  }

  /**
   * Work counts as finished `delayMs` after its submit at the earliest. The submit itself returns at once. Setting 0 releases all
   * waiting work; do that before the device is destroyed, which waits for its work.
   */
  delaySubmits(delayMs: number): void {
    this.#file.set('delay_ns', Math.round(delayMs * 1e6));
  }

  /** Removes faults and delay, and sets the memory limit of the start. Lost devices stay lost, counters go on. */
  clear(): void {
    for (const call of Object.keys(COUNTERS) as FaultyCall[]) this.#file.set(`${call}_last`, 0);
    this.limitMemory(DEFAULT_LIMIT_BYTES);
    this.delaySubmits(0);
  }

  read(): FaultCounters {
    return {
      devices: this.#file.get('devices'),
      liveDevices: this.#file.get('live_devices'),
      allocations: this.#file.get('allocations'),
      failedAllocations: this.#file.get('failed_allocations'),
      frees: this.#file.get('frees'),
      liveAllocations: this.#file.get('live_allocations'),
      bytesInUse: this.#file.get('bytes_in_use'),
      peakBytes: this.#file.get('peak_bytes'),
      submits: this.#file.get('submits'),
      pipelines: this.#file.get('pipelines'),
      fences: this.#file.get('fences'),
    };
  }

  /** Removes the control file. Processes that use it already keep it; new ones fail to start. */
  close(): void {
    this.#file.close();
  }
}
