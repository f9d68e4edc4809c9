import type { Backend, OperationRequest, PreparedRequest, Work } from '@gearshift/contracts';
import { isGuarded } from '@gearshift/contracts/internal';
import type { Timers } from '@gearshift/splitter';
import type { CircuitBreaker } from '../breaker/circuit-breaker.js';
import { createCircuitBreaker } from '../breaker/create-circuit-breaker.js';
import { dispatchOperationOf } from '../operations/dispatch-operations.js';
import { DeviceQueue } from './device-queue.js';
import { GpuMemory, type MemoryLimits } from './gpu-memory.js';
import { ResidentSet } from './resident-set.js';

/** A backend with everything that a dispatcher knows of it besides what it costs. */
export interface Device {
  readonly backend: Backend;
  readonly queue: DeviceQueue;
  /** Of a device that may hang, lie or vanish; undefined for one that shares the fate of the program, as a CPU does. */
  readonly guard: DeviceGuard | undefined;
  /** Attempts that it has not answered yet; those that were given up do not count. */
  attemptsUnderWay: number;
}

/** What makes a device safe to use that has memory of its own and may fail by itself. */
export interface DeviceGuard {
  readonly breaker: CircuitBreaker;
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
    memory,
    residents: new ResidentSet(backend, memory.budget, clock, timers),
  };
}

/**
 * Whether the device accepts the request; one that throws does not. A CPU is not asked: it is the last resort, and a program
 * without a GPU pays nothing.
 */
export function acceptsRequest({ backend, guard }: Device, request: OperationRequest): boolean {
  if (guard === undefined) return true;
  try {
    return backend.supports(request) === true;
  } catch {
    return false;
  }
}

/** Bytes of the operand that the backend does not hold: all of them, where it keeps nothing or cannot tell. */
export function missingBytes(backend: Backend, request: PreparedRequest, work: Work): number {
  try {
    return backend.residency?.(dispatchOperationOf(request).operandOf(request)).bytesToUpload ?? work.operandBytes;
  } catch {
    return work.operandBytes;
  }
}
