import { optionNames, readOptions, requireFinite } from '@gearshift/contracts/internal';

/**
 * How long an attempt on a GPU may take before it is given up: ten times the prediction, but always long enough that a
 * garbage collection or another program's kernel does not look like a hang.
 */
export interface HangLimits {
  /** Minimum limit of an attempt with a predicted latency; default 250. */
  readonly floorMs?: number | undefined;
  /**
   * Limit of an attempt without a prediction, such as the first one on a device: compiling kernels and the first upload
   * take seconds; default 10,000.
   */
  readonly unpredictedMs?: number | undefined;
}

const HANG_LIMIT_DEFAULTS = { floorMs: 250, unpredictedMs: 10_000 } as const;

const OPTIONS = optionNames<HangLimits>({ floorMs: true, unpredictedMs: true });
/** How long a backend may take to notice an abort. */
export const ABORT_GRACE_MS = 250;

const PREDICTIONS = 10;
/** A wrong prediction must not cause an endless wait, and Node's timers cannot wait for much more than 24 days. */
const MAX_LIMIT_MS = 3_600_000;

/** @throws TypeError or RangeError that names the invalid limit. */
export function checkHangLimits(limits: HangLimits): Required<{ [K in keyof HangLimits]: number }> {
  const { floorMs = HANG_LIMIT_DEFAULTS.floorMs, unpredictedMs = HANG_LIMIT_DEFAULTS.unpredictedMs } = readOptions(
    'hangLimits',
    limits,
    OPTIONS,
  );
  return {
    floorMs: requireFinite('floorMs', floorMs, 0),
    unpredictedMs: requireFinite('unpredictedMs', unpredictedMs, 0),
  };
}

/** @param predictedMs NaN without a prediction. */
export function hangLimitMs(
  predictedMs: number,
  { floorMs, unpredictedMs }: ReturnType<typeof checkHangLimits>,
): number {
  const limitMs = Number.isNaN(predictedMs) ? unpredictedMs : Math.max(PREDICTIONS * predictedMs, floorMs);
  return Math.min(limitMs, MAX_LIMIT_MS);
}
