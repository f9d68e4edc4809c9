import type { Backend, PreparedRequest, Work } from '@gearshift/contracts';
import { isGuarded } from '@gearshift/contracts/internal';
import type { Timers } from '@gearshift/splitter';
import type { CircuitBreaker } from '../breaker/circuit-breaker.js';
import { createCircuitBreaker } from '../breaker/create-circuit-breaker.js';
import { dispatchOperationOf } from '../operations/dispatch-operations.js';
import { whyUnread } from '../operations/refuse-matrix.js';
import { DeviceQueue } from './device-queue.js';
import { GpuMemory, type MemoryLimits } from './gpu-memory.js';
import { ResidentSet } from './resident-set.js';

/** A backend with the dispatcher's state for it, except its costs. */
export interface Device {
  readonly backend: Backend;
  readonly queue: DeviceQueue;
  /** For a device that may hang, return wrong results or disappear; undefined for one that fails only with the program, such as a CPU. */
  readonly guard: DeviceGuard | undefined;
  /** Attempts without an answer so far, except abandoned ones. */
  attemptsUnderWay: number;
}

/** Protects the caller from a device that has its own memory and may fail on its own. */
export interface DeviceGuard {
  readonly breaker: CircuitBreaker;
  /** The epoch of the backend when the breaker was renewed for it. */
  renewedEpoch: number;
  readonly memory: GpuMemory;
  readonly residents: ResidentSet;
}

export function createDevices(
  backends: readonly Backend[],
  limits: MemoryLimits,
  clock: () => number,
  timers: Timers,
): Device[] {
  return backends.map((backend) => ({
    backend,
    queue: new DeviceQueue(),
    guard: isGuarded(backend) ? createGuard(backend, limits, clock, timers) : undefined,
    attemptsUnderWay: 0,
  }));
}

function createGuard(backend: Backend, limits: MemoryLimits, clock: () => number, timers: Timers): DeviceGuard {
  const memory = new GpuMemory(backend, limits, clock);
  return {
    breaker: createCircuitBreaker({ device: backend.id, clock }),
    renewedEpoch: 0,
    memory,
    residents: new ResidentSet(backend, memory.budget, clock, timers),
  };
}

/**
 * Whether the device accepts the request; one that throws does not. `supports()` of a CPU is not called: it is the last
 * resort, and a program without a GPU has no extra cost.
 */
export function acceptsRequest({ backend, guard }: Device, request: PreparedRequest): boolean {
  if ('matrix' in request && whyUnread(backend, request.matrix) !== undefined) return false;
  if (guard === undefined) return true;
  try {
    return backend.supports(request) === true;
  } catch {
    return false;
  }
}

/** Uses a device again that its backend has replaced after a loss. Asked only while the breaker is dead. */
export function renewIfReplaced(backend: Backend, guard: DeviceGuard): void {
  const epoch = epochOf(backend);
  if (epoch <= guard.renewedEpoch) return;
  guard.renewedEpoch = epoch;
  guard.breaker.renew();
}

/** See `Backend.epoch`: 0 if the backend has none, or fails to say. */
function epochOf(backend: Backend): number {
  try {
    const epoch: unknown = backend.epoch;
    return typeof epoch === 'number' && epoch > 0 ? epoch : 0;
  } catch {
    return 0;
  }
}

/** See `Backend.formOf`: undefined if the backend does not say, or fails to. */
export function formOf(backend: Backend, request: PreparedRequest): string | undefined {
  if (backend.formOf === undefined) return undefined;
  try {
    const form: unknown = backend.formOf(request);
    return typeof form === 'string' && form !== '' ? form : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Bytes of the operand that the backend does not hold: all of them when it keeps no operands, or its residency() fails or
 * returns no number of bytes.
 */
export function missingBytes(backend: Backend, request: PreparedRequest, work: Work): number {
  try {
    const bytes = backend.residency?.(dispatchOperationOf(request).operandOf(request)).bytesToUpload;
    return typeof bytes === 'number' && bytes >= 0 && bytes < Infinity ? bytes : work.operandBytes;
  } catch {
    return work.operandBytes;
  }
}
