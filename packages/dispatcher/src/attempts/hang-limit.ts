import { requireFinite } from '@gearshift/contracts/internal';

/**
 * How long an attempt on a GPU may take before it is given up: ten times what was predicted, but never so little that a
 * garbage collection or another program's kernel looks like a hang.
 */
export interface HangLimits {
  /** Least limit of an attempt whose latency was predicted; default 250. */
  readonly floorMs?: number | undefined;
  /**
   * Limit of an attempt whose latency nobody predicted, such as a device's first: compiling kernels and uploading for the
   * first time take seconds; default 10,000.
   */
  readonly unpredictedMs?: number | undefined;
}

const HANG_LIMIT_DEFAULTS = { floorMs: 250, unpredictedMs: 10_000 } as const;

const PREDICTIONS = 10;
/** A prediction gone astray must not mean waiting for ever; nor can Node's timers wait for much more than 24 days. */
const MAX_LIMIT_MS = 3_600_000;

/** @throws TypeError or RangeError naming the limit that cannot work. */
export function checkHangLimits({
  floorMs = HANG_LIMIT_DEFAULTS.floorMs,
  unpredictedMs = HANG_LIMIT_DEFAULTS.unpredictedMs,
}: HangLimits): Required<{ [K in keyof HangLimits]: number }> {
  return {
    floorMs: requireFinite('floorMs', floorMs, 0),
    unpredictedMs: requireFinite('unpredictedMs', unpredictedMs, 0),
  };
}

/** @param predictedMs NaN where nothing was predicted. */
export function hangLimitMs(
  predictedMs: number,
  { floorMs, unpredictedMs }: ReturnType<typeof checkHangLimits>,
): number {
  const limitMs = Number.isNaN(predictedMs) ? unpredictedMs : Math.max(PREDICTIONS * predictedMs, floorMs);
  return Math.min(limitMs, MAX_LIMIT_MS);
}
