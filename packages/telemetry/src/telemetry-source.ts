import type { BreakerState, DecisionReason, MemoryBudgetSnapshot, OperationName } from '@gearshift/contracts';
import { expected } from '@gearshift/contracts/internal';
import type { MetricsSnapshot, OperationTotals } from '@gearshift/tracker';

/** An executor of `gearshift`, or any object with the same two members. */
export interface TelemetrySource {
  readonly tracker: {
    readonly operations: readonly OperationName[];
    totals(operation: OperationName): OperationTotals;
  };
  snapshot(operation: OperationName): OperationReading;
}

/** The part of an executor's snapshot that becomes metrics. */
export interface OperationReading extends Pick<
  MetricsSnapshot,
  'speedup' | 'successRate' | 'oomCount' | 'fallbackCount'
> {
  readonly decisions: Readonly<Record<DecisionReason, number>>;
  /** Absent in executors of versions before it. */
  readonly requests?: { readonly pending: number; readonly refused: number; readonly merged: number } | undefined;
  readonly forecast: {
    readonly shapes: readonly {
      readonly shape: string;
      readonly breakEven: { readonly cold: Size | null; readonly resident: Size | null };
      readonly predictionError: number | null;
      readonly explorations: number;
      readonly estimatedRegretMs: number;
    }[];
  } | null;
  readonly devices: readonly DeviceReading[];
}

interface Size {
  readonly items: number;
}

export interface DeviceReading {
  readonly id: string;
  readonly queueLength: number;
  readonly queueMs: number;
  readonly breaker: {
    readonly state: BreakerState;
    readonly missedSavingsMs: number;
    readonly probes: { readonly started: number; readonly succeeded: number; readonly failed: number };
    readonly opens: Readonly<Record<string, number>>;
  } | null;
  readonly memory: Pick<
    MemoryBudgetSnapshot,
    'totalBytes' | 'availableBytes' | 'trackedBytes' | 'pressureRatio'
  > | null;
  readonly residency: { readonly operands: number; readonly bytes: number } | null;
}

export function requireSource(source: TelemetrySource): TelemetrySource {
  const given = source as Partial<TelemetrySource> | null | undefined;
  if (typeof given?.snapshot !== 'function' || typeof given.tracker?.totals !== 'function') {
    throw new TypeError(expected('executor', 'an executor, with snapshot() and a tracker that has totals()', source));
  }
  return source;
}
