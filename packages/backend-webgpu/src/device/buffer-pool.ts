import { BUFFER_USAGE } from './usage.js';
import type { MemoryBudget } from './memory-budget.js';

/** What a buffer is for. */
export type BufferRole = 'storage' | 'uniform' | 'readback';

const USAGES: Readonly<Record<BufferRole, number>> = {
  storage: BUFFER_USAGE.storage | BUFFER_USAGE.copySource | BUFFER_USAGE.copyTarget,
  uniform: BUFFER_USAGE.uniform | BUFFER_USAGE.copyTarget,
  readback: BUFFER_USAGE.mapRead | BUFFER_USAGE.copyTarget,
};

/** Idle buffers are kept up to this; a larger one is destroyed at once. */
const MOST_IDLE_BYTES = 64 * 2 ** 20;
const LEAST_BYTES = 256;

/** Buffers of requests, which later requests use again: creating one takes longer than a small request. Contents are undefined. */
export class BufferPool {
  readonly #device: GPUDevice;
  readonly #budget: MemoryBudget;
  readonly #idle = new Map<string, GPUBuffer[]>();
  readonly #roles = new WeakMap<GPUBuffer, BufferRole>();
  #idleBytes = 0;

  constructor(device: GPUDevice, budget: MemoryBudget) {
    this.#device = device;
    this.#budget = budget;
  }

  /** @throws OverBudget */
  take(role: BufferRole, bytes: number): GPUBuffer {
    const size = roundedUp(bytes);
    const idle = this.#idle.get(`${role} ${size}`)?.pop();
    if (idle !== undefined) {
      this.#idleBytes -= size;
      return idle;
    }
    const buffer = this.create(role, size);
    this.#roles.set(buffer, role);
    return buffer;
  }

  /** A buffer of its own, for {@link destroy}. */
  create(role: BufferRole, bytes: number): GPUBuffer {
    if (bytes > this.#budget.freeBytes) this.drop();
    this.#budget.take(bytes);
    try {
      return this.#device.createBuffer({ size: bytes, usage: USAGES[role] });
    } catch (error) {
      this.#budget.giveBack(bytes);
      throw error;
    }
  }

  /** Takes back a buffer of {@link take} that no work under way uses. */
  giveBack(buffer: GPUBuffer): void {
    const role = this.#roles.get(buffer);
    if (role === undefined || this.#idleBytes + buffer.size > MOST_IDLE_BYTES) {
      this.destroy(buffer);
      return;
    }
    const key = `${role} ${buffer.size}`;
    const idle = this.#idle.get(key);
    if (idle === undefined) this.#idle.set(key, [buffer]);
    else idle.push(buffer);
    this.#idleBytes += buffer.size;
  }

  destroy(buffer: GPUBuffer): void {
    this.#budget.giveBack(buffer.size);
    buffer.destroy();
  }

  /** Destroys the idle buffers. */
  drop(): void {
    for (const buffers of this.#idle.values()) for (const buffer of buffers) this.destroy(buffer);
    this.#idle.clear();
    this.#idleBytes = 0;
  }
}

/** To a power of two or one and a half of it, so that requests of similar sizes share buffers. */
function roundedUp(bytes: number): number {
  let size = LEAST_BYTES;
  while (size < bytes) size *= 2;
  return size >= 2 * LEAST_BYTES && size * 0.75 >= bytes ? size * 0.75 : size;
}
