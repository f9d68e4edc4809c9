import { requireInteger } from '@gearshift/contracts/internal';
import type { Reservation } from '../memory/reservation.js';
import { bytesOf, checkLimits, type ChunkLimits } from './chunk-limits.js';
import { nextChunkItems } from './next-chunk.js';

const NOTHING_RESERVED: Reservation = Object.freeze({
  bytes: 0,
  release: () => {},
  releaseAfter: () => {},
  [Symbol.dispose]: () => {},
});

/**
 * Reserves the memory of all `total` items at once, where they need not be cut: then there is no need for a run, which
 * costs some microseconds, and the caller may do the work at once, synchronously too. Null where it must be cut, or is
 * short of memory: hand it to {@link runRanges}, and also when it runs out of memory after all.
 *
 * @returns what the caller must release when the work has ended.
 *
 * @example
 * const whole = reserveWhole(rows, limits);
 * if (whole === null) return runRanges(rows, limits, scoreRows);
 * try {
 *   return await scoreRows(0, rows);
 * } finally {
 *   whole.release();
 * }
 */
export function reserveWhole(total: number, limits: ChunkLimits = {}): Reservation | null {
  requireInteger('total', total, 0);
  const checked = checkLimits(limits);
  if (nextChunkItems(total, checked, checked.sizer) < total) return null;
  if (checked.budget === undefined) return NOTHING_RESERVED;
  const reserved = checked.budget.reserve(bytesOf(checked, total));
  return reserved.ok ? reserved.value : null;
}
