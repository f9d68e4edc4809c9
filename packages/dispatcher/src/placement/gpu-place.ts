import type { Backend } from '@gearshift/contracts';
import { createCircuitBreaker, type CircuitBreaker } from '../failures/circuit-breaker.js';
import type { Timers } from '../failures/timers.js';
import { DeviceMemory, type MemoryLimits } from './device-memory.js';
import { ResidentSet } from './resident-set.js';

/** Everything that is known about one GPU besides what it costs. */
export interface GpuPlace {
  readonly breaker: CircuitBreaker;
  readonly memory: DeviceMemory;
  readonly residents: ResidentSet;
}

export function gpuPlaces(
  backends: readonly Backend[],
  limits: MemoryLimits,
  clock: () => number,
  timers: Timers,
): ReadonlyMap<Backend, GpuPlace> {
  const places = new Map<Backend, GpuPlace>();
  for (const backend of backends) {
    if (backend.kind !== 'gpu') continue;
    const memory = new DeviceMemory(backend, limits, clock);
    places.set(backend, {
      breaker: createCircuitBreaker({ device: backend.id, clock }),
      memory,
      residents: new ResidentSet(backend, memory.budget, clock, timers),
    });
  }
  return places;
}
