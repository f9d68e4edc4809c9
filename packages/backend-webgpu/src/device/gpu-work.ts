import type { BufferPool } from './buffer-pool.js';
import { KernelClock, STAMPS_BYTES } from './kernel-clock.js';
import { MAP_READ } from './usage.js';

export interface Kernel {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/** The commands of one submit, and their buffers, all of which go back to the pool afterwards. */
export class GpuWork {
  readonly #device: GPUDevice;
  readonly #pool: BufferPool;
  readonly #encoder: GPUCommandEncoder;
  readonly #buffers: GPUBuffer[] = [];
  readonly #clock: KernelClock | undefined;
  #passes = 0;
  #stamps: GPUBuffer | undefined;
  readonly #reads: { readonly buffer: GPUBuffer; readonly bytes: number }[] = [];

  constructor(device: GPUDevice, pool: BufferPool, clock: KernelClock | undefined) {
    this.#clock = clock;
    this.#device = device;
    this.#pool = pool;
    this.#encoder = device.createCommandEncoder();
  }

  /** A buffer with a copy of the data. */
  input(data: Uint32Array | Int32Array | Float32Array): GPUBuffer {
    return this.#filled('storage', data);
  }

  parameters(data: Uint32Array | Int32Array): GPUBuffer {
    return this.#filled('uniform', data);
  }

  /** Overwrites a part of a buffer that stays, before the commands begin. */
  write(buffer: GPUBuffer, offset: number, data: Uint32Array | Float32Array): void {
    this.#device.queue.writeBuffer(buffer, offset, unshared(data));
  }

  /** A buffer with undefined contents. */
  scratch(bytes: number): GPUBuffer {
    return this.#take('storage', bytes);
  }

  /** @param buffers in the order of their bindings, from 0 */
  dispatch({ pipeline, layout }: Kernel, buffers: readonly GPUBuffer[], x: number, y = 1): void {
    const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
    const timestampWrites = this.#clock?.writesOf(this.#passes === 0);
    const pass = this.#encoder.beginComputePass(timestampWrites && { timestampWrites });
    this.#passes += 1;
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, this.#device.createBindGroup({ layout, entries }));
    pass.dispatchWorkgroups(x, y);
    pass.end();
  }

  /** Copies bytes on the device, after the commands so far. */
  copy(from: GPUBuffer, fromOffset: number, to: GPUBuffer, toOffset: number, bytes: number): void {
    this.#encoder.copyBufferToBuffer(from, fromOffset, to, toOffset, bytes);
  }

  /** Makes the first bytes of a buffer, as they are after the commands so far, one of the results. */
  read(buffer: GPUBuffer, bytes: number): void {
    const target = this.#take('readback', bytes);
    this.#encoder.copyBufferToBuffer(buffer, 0, target, 0, bytes);
    this.#reads.push({ buffer: target, bytes });
  }

  /** The commands begin. Each promise is one that the device has to settle. */
  submit(): Promise<unknown>[] {
    const stamps = this.#passes === 0 ? undefined : this.#clock?.resolve(this.#encoder);
    if (stamps !== undefined) {
      this.#stamps = this.#take('readback', stamps.bytes);
      this.#encoder.copyBufferToBuffer(stamps.buffer, 0, this.#stamps, 0, stamps.bytes);
    }
    this.#device.queue.submit([this.#encoder.finish()]);
    const mapped = this.#reads.map(({ buffer, bytes }) => buffer.mapAsync(MAP_READ, 0, bytes));
    if (this.#stamps !== undefined) mapped.push(this.#stamps.mapAsync(MAP_READ));
    return mapped.length === 0 ? [this.#device.queue.onSubmittedWorkDone()] : mapped;
  }

  /** After everything has succeeded: copies of what was read. */
  results(): ArrayBuffer[] {
    return this.#reads.map(({ buffer, bytes }) => {
      const copy = buffer.getMappedRange(0, bytes).slice(0);
      buffer.unmap();
      return copy;
    });
  }

  /** After everything has succeeded: how long the kernels ran; 0 without a clock. */
  kernelMs(): number {
    const stamps = this.#stamps;
    if (stamps === undefined) return 0;
    const durationMs = KernelClock.durationMs(stamps.getMappedRange(0, STAMPS_BYTES).slice(0));
    stamps.unmap();
    return durationMs;
  }

  recycle(): void {
    for (const buffer of this.#buffers) this.#pool.giveBack(buffer);
  }

  /** After a failure, when what the buffers contain and whether they are there at all is unknown. */
  destroy(): void {
    for (const buffer of this.#buffers) this.#pool.destroy(buffer);
  }

  #filled(role: 'storage' | 'uniform', data: Uint32Array | Int32Array | Float32Array): GPUBuffer {
    const buffer = this.#take(role, data.byteLength);
    this.#device.queue.writeBuffer(buffer, 0, unshared(data));
    return buffer;
  }

  #take(role: 'storage' | 'uniform' | 'readback', bytes: number): GPUBuffer {
    const buffer = this.#pool.take(role, bytes);
    this.#buffers.push(buffer);
    return buffer;
  }
}

/** Dawn crashes when it is given shared memory (seen with webgpu 0.6.2). */
function unshared<T extends Uint32Array | Int32Array | Float32Array>(data: T): T & { buffer: ArrayBuffer } {
  const isShared = Object.prototype.toString.call(data.buffer) === '[object SharedArrayBuffer]';
  return (isShared ? data.slice() : data) as T & { buffer: ArrayBuffer };
}
