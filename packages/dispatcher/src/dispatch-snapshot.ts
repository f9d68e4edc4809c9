import type { Backend, CompanionCounts, DeviceKind, DispatchPolicy, OperationForecast } from '@gearshift/contracts';
import type { MemoryBudgetSnapshot } from '@gearshift/splitter';
import type { DeviceMetrics, MetricsSnapshot } from '@gearshift/tracker';
import type { DecisionCounts } from './decision-counts.js';
import type { BreakerSnapshot } from './breaker/breaker-snapshot.js';
import type { Device } from './devices/device.js';
import type { RequestCounts } from './request-counts.js';

/** Incremented when a field changes its meaning or is removed. */
const SNAPSHOT_VERSION = 1;

/** An operation, and the devices that may run it, at one instant: frozen plain data. */
export interface DispatchSnapshot extends Omit<MetricsSnapshot, 'devices'> {
  readonly snapshotVersion: number;
  /** The number of decisions per reason in this dispatcher. */
  readonly decisions: DecisionCounts;
  /** The requests of this dispatcher: under way, refused, and answered together with others. */
  readonly requests: RequestCounts;
  /** Predictions, break-even sizes, prediction error, explorations and estimated regret; `null` where the policy makes none. */
  readonly forecast: OperationForecast | null;
  /** In order of preference. */
  readonly devices: readonly DeviceSnapshot[];
}

export interface DeviceSnapshot {
  readonly id: string;
  readonly kind: DeviceKind;
  /** Requests of this dispatcher under way on the device, and how long they are still expected to take. */
  readonly queueLength: number;
  readonly queueMs: number;
  /** How many of them wait for the first one, because a device does one after the other. */
  readonly waitingCount: number;
  /**
   * Latencies, successes and failures on all devices of its kind, or on this one alone where the tracker has a device with
   * its id; `null` where the tracker has neither.
   */
  readonly metrics: DeviceMetrics | null;
  /** `null` for a CPU, which has none, shares the caller's memory, and needs no copies. */
  readonly breaker: BreakerSnapshot | null;
  readonly memory: MemoryBudgetSnapshot | null;
  /** The operands that this dispatcher keeps on the device. */
  readonly residency: { readonly operands: number; readonly bytes: number } | null;
  /** What the backend keeps of matrices beside their rows in host memory; `null` if it keeps nothing of the kind. */
  readonly companions: CompanionCounts | null;
}

export interface SnapshotSources {
  readonly devices: readonly Device[];
  readonly policy: DispatchPolicy;
  readonly nowMs: number;
}

/** `null` also for a backend that fails: the rest of a snapshot is worth having. */
function companionsOf(backend: Backend): CompanionCounts | null {
  try {
    const counts = backend.companions?.();
    return counts === undefined ? null : Object.freeze({ ...counts, refused: Object.freeze({ ...counts.refused }) });
  } catch {
    return null;
  }
}

export function dispatchSnapshot(
  metrics: MetricsSnapshot,
  decisions: DecisionCounts,
  requests: RequestCounts,
  sources: SnapshotSources,
  operation: string,
): DispatchSnapshot {
  const { policy, nowMs } = sources;
  const devices = sources.devices.map(({ backend, queue, guard }): DeviceSnapshot => {
    return Object.freeze({
      id: backend.id,
      kind: backend.kind,
      queueLength: queue.length,
      queueMs: queue.waitMs(nowMs),
      waitingCount: Math.max(0, queue.length - 1),
      metrics: metrics.devices[backend.id] ?? metrics.devices[backend.kind] ?? null,
      breaker: guard?.breaker.snapshot() ?? null,
      memory: guard?.memory.budget.snapshot() ?? null,
      residency: guard === undefined ? null : Object.freeze(guard.residents.snapshot()),
      companions: companionsOf(backend),
    });
  });
  return Object.freeze({
    ...metrics,
    snapshotVersion: SNAPSHOT_VERSION,
    decisions,
    requests,
    forecast: policy.forecast?.(operation) ?? null,
    devices: Object.freeze(devices),
  });
}
