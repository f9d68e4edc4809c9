import { FIGURES, type DeviceFigures } from './layout.js';
import { DOUBLING_COUNT, DOUBLING_ENDS_MS } from './log-buckets.js';

/**
 * What was counted for one operation since the tracker was made, by all threads: figures that only grow, for monitoring.
 * Frozen plain data.
 */
export interface OperationTotals {
  readonly cpu: DeviceTotals;
  readonly gpu: DeviceTotals;
}

export interface DeviceTotals {
  readonly successes: number;
  readonly failures: number;
  /** Sum of the latencies of successes. */
  readonly totalMs: number;
  /** Sum of the latencies of failed attempts, where they were told. */
  readonly lostMs: number;
  /**
   * How many successes took less than `LATENCY_BOUNDS_MS[i]` and no less than the bound before it. The last entry, one more
   * than there are bounds, takes all others.
   */
  readonly counts: readonly number[];
}

/** Bounds of the histograms, in milliseconds: doublings from 8.192 microseconds to 17 seconds. */
export const LATENCY_BOUNDS_MS: readonly number[] = Object.freeze(
  DOUBLING_ENDS_MS.filter((endMs) => endMs > 0.008 && endMs < 18_000),
);

const FIRST_BOUND = DOUBLING_ENDS_MS.indexOf(LATENCY_BOUNDS_MS[0]);

/** The totals that two figures add up to. */
export function buildTotals(others: Float64Array, own: Float64Array): OperationTotals {
  return Object.freeze({
    cpu: deviceTotals(others, own, FIGURES.cpu),
    gpu: deviceTotals(others, own, FIGURES.gpu),
  });
}

function deviceTotals(others: Float64Array, own: Float64Array, at: DeviceFigures): DeviceTotals {
  const sum = (field: number) => others[field] + own[field];
  const counts = new Array<number>(LATENCY_BOUNDS_MS.length + 1).fill(0);
  for (let doubling = 0; doubling < DOUBLING_COUNT; doubling++) {
    const bound = Math.min(Math.max(doubling - FIRST_BOUND, 0), counts.length - 1);
    counts[bound] += sum(at.doublings + doubling);
  }
  return Object.freeze({
    successes: sum(at.count),
    failures: sum(at.failures),
    totalMs: sum(at.totalNs) / 1e6,
    lostMs: sum(at.lostNs) / 1e6,
    counts: Object.freeze(counts),
  });
}
