import { DEVICE, type DeviceFigures, type FiguresLayout } from './figures-layout.js';
import { DOUBLING_COUNT, DOUBLING_ENDS_MS } from './log-buckets.js';

/**
 * What all threads counted for one operation since the tracker was made: figures that only grow, for monitoring. Frozen
 * plain data.
 */
export interface OperationTotals {
  /** The totals of each of the tracker's `devices`, by name. */
  readonly devices: Readonly<Record<string, DeviceTotals>>;
}

export interface DeviceTotals {
  readonly successes: number;
  readonly failures: number;
  /** Sum of the latencies of successes. */
  readonly totalMs: number;
  /** Sum of the latencies of failed attempts, where they are known. */
  readonly lostMs: number;
  /**
   * How many successes took less than `LATENCY_BOUNDS_MS[i]` and no less than the bound before it. The last entry, one more
   * than there are bounds, counts all others.
   */
  readonly counts: readonly number[];
}

/** Bounds of the histograms, in milliseconds: doublings from 8.192 microseconds to 17 seconds. */
export const LATENCY_BOUNDS_MS: readonly number[] = Object.freeze(
  DOUBLING_ENDS_MS.filter((endMs) => endMs > 0.008 && endMs < 18_000),
);

const FIRST_BOUND = DOUBLING_ENDS_MS.indexOf(LATENCY_BOUNDS_MS[0]);

/** The totals of two figures, added up. */
export function buildTotals(
  names: readonly string[],
  layout: FiguresLayout,
  others: Float64Array,
  own: Float64Array,
): OperationTotals {
  const totals = names.map((name, index) => [name, deviceTotals(others, own, layout.devices[index])] as const);
  return Object.freeze({ devices: Object.freeze(Object.fromEntries(totals)) });
}

function deviceTotals(others: Float64Array, own: Float64Array, { start, doublings }: DeviceFigures): DeviceTotals {
  const sum = (field: number) => others[field] + own[field];
  const counts = new Array<number>(LATENCY_BOUNDS_MS.length + 1).fill(0);
  for (let doubling = 0; doubling < DOUBLING_COUNT; doubling++) {
    const bound = Math.min(Math.max(doubling - FIRST_BOUND, 0), counts.length - 1);
    counts[bound] += sum(doublings + doubling);
  }
  return Object.freeze({
    successes: sum(start + DEVICE.count),
    failures: sum(start + DEVICE.failures),
    totalMs: sum(start + DEVICE.totalNs) / 1e6,
    lostMs: sum(start + DEVICE.lostNs) / 1e6,
    counts: Object.freeze(counts),
  });
}
