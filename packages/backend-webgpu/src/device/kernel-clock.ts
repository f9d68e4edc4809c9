import { BUFFER_USAGE } from './usage.js';

/** At the begin of the first pass of a submit, and at the end of its last one. */
const STAMPS = 2;
export const STAMPS_BYTES = STAMPS * 8;

/** Adds up how long the kernels of a request ran, and how long it waited for their compilation. */
export interface KernelTimes {
  kernelMs: number;
  compileMs: number;
}

/**
 * Measures how long the kernels of a submit run, where the device has timestamps. One pair of stamps is enough: each submit copies it before the
 * next one begins.
 */
export class KernelClock {
  readonly #stamps: GPUQuerySet;
  readonly #resolved: GPUBuffer;

  /** Undefined for a device without timestamps, or without memory for them. */
  static async open(device: GPUDevice): Promise<KernelClock | undefined> {
    if (!device.features.has('timestamp-query')) return undefined;
    device.pushErrorScope('out-of-memory');
    device.pushErrorScope('validation');
    const clock = new KernelClock(device);
    const errors = [device.popErrorScope(), device.popErrorScope()];
    return (await Promise.all(errors)).every((error) => error === null) ? clock : undefined;
  }

  private constructor(device: GPUDevice) {
    this.#stamps = device.createQuerySet({ type: 'timestamp', count: STAMPS });
    const usage = BUFFER_USAGE.resolveQueries | BUFFER_USAGE.copySource;
    this.#resolved = device.createBuffer({ size: STAMPS_BYTES, usage });
  }

  /** Of the passes of a submit the last one that ends counts. */
  writesOf(isFirstPass: boolean): GPUComputePassTimestampWrites {
    const ofEnd = { querySet: this.#stamps, endOfPassWriteIndex: 1 };
    return isFirstPass ? { ...ofEnd, beginningOfPassWriteIndex: 0 } : ofEnd;
  }

  /** The buffer with the stamps, and its bytes, for a copy by the same commands. */
  resolve(encoder: GPUCommandEncoder): { readonly buffer: GPUBuffer; readonly bytes: number } {
    encoder.resolveQuerySet(this.#stamps, 0, STAMPS, this.#resolved, 0);
    return { buffer: this.#resolved, bytes: STAMPS_BYTES };
  }

  static durationMs(stamps: ArrayBuffer): number {
    const [begin, end] = new BigUint64Array(stamps);
    return Math.max(0, Number(end - begin) / 1e6);
  }
}
