import type { Backend, DeviceKind } from '@gearshift/contracts';
import type { MemoryBudgetSnapshot } from '@gearshift/splitter';
import type { DeviceMetrics, MetricsSnapshot } from '@gearshift/tracker';
import type { DecisionCounts } from './decision-counts.js';
import type { BreakerSnapshot } from './failures/breaker-snapshot.js';
import type { DeviceQueue } from './placement/device-queue.js';
import type { GpuPlace } from './placement/gpu-place.js';
import type { DispatchPolicy } from './policies/dispatch-policy.js';
import type { OperationForecast } from './policies/operation-forecast.js';

/** Raised when a field changes its meaning or goes away. */
const SNAPSHOT_VERSION = 1;

/** An operation, and the devices that may run it, at one instant: frozen plain data. */
export interface DispatchSnapshot extends Omit<MetricsSnapshot, 'devices'> {
  readonly snapshotVersion: number;
  /** How many decisions had which reason, in this dispatcher. */
  readonly decisions: DecisionCounts;
  /** Predictions, break-even sizes, prediction error, explorations and estimated regret; `null` where the policy makes none. */
  readonly forecast: OperationForecast | null;
  /** In order of preference. */
  readonly devices: readonly DeviceSnapshot[];
}

export interface DeviceSnapshot {
  readonly id: string;
  readonly kind: DeviceKind;
  /** Requests of this dispatcher that are under way there, and how long they are expected to take yet. */
  readonly queueLength: number;
  readonly queueMs: number;
  /**
   * Latencies, successes and failures on all devices of its kind, or on this one alone where the tracker has a device with
   * its id; `null` where the tracker has neither.
   */
  readonly metrics: DeviceMetrics | null;
  /** `null` for a CPU, which has none, shares the caller's memory, and needs no copies. */
  readonly breaker: BreakerSnapshot | null;
  readonly memory: MemoryBudgetSnapshot | null;
  /** What this dispatcher made the device keep. */
  readonly residency: { readonly operands: number; readonly bytes: number } | null;
}

export interface SnapshotSources {
  readonly backends: readonly Backend[];
  readonly places: ReadonlyMap<Backend, GpuPlace>;
  readonly queues: ReadonlyMap<Backend, DeviceQueue>;
  readonly policy: DispatchPolicy;
  readonly nowMs: number;
}

export function dispatchSnapshot(
  metrics: MetricsSnapshot,
  decisions: DecisionCounts,
  { backends, places, queues, policy, nowMs }: SnapshotSources,
  operation: string,
): DispatchSnapshot {
  const devices = backends.map((backend): DeviceSnapshot => {
    const place = places.get(backend);
    const queue = queues.get(backend);
    return Object.freeze({
      id: backend.id,
      kind: backend.kind,
      queueLength: queue?.length ?? 0,
      queueMs: queue?.waitMs(nowMs) ?? 0,
      metrics: metrics.devices[backend.id] ?? metrics.devices[backend.kind] ?? null,
      breaker: place?.breaker.snapshot() ?? null,
      memory: place?.memory.budget.snapshot() ?? null,
      residency: place === undefined ? null : Object.freeze(place.residents.snapshot()),
    });
  });
  return Object.freeze({
    ...metrics,
    snapshotVersion: SNAPSHOT_VERSION,
    decisions,
    forecast: policy.forecast?.(operation) ?? null,
    devices: Object.freeze(devices),
  });
}
