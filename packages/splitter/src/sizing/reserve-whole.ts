import { requireInteger } from '@gearshift/contracts/internal';
import type { Reservation } from '../memory/reservation.js';
import { readLimits } from '../engine/read-chunk-options.js';
import { checkLimits, type ChunkLimits } from './chunk-limits.js';
import { reserveAll } from './chunk-size.js';

const NOTHING_RESERVED: Reservation = Object.freeze({
  bytes: 0,
  release: () => {},
  releaseAfter: () => {},
  [Symbol.dispose]: () => {},
});

/**
 * Reserves the memory of all `total` items at once if they need not be cut: the caller may then do the work without a run,
 * which costs some microseconds, and synchronously too. Null if the work must be cut or its memory is not available: call
 * {@link runRanges} then, and also when the work runs out of memory in spite of the reservation.
 *
 * @returns a reservation that the caller must release when the work has ended.
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
  const reservation = reserveAll(total, checkLimits(readLimits(limits)));
  return reservation === undefined ? null : (reservation ?? NOTHING_RESERVED);
}
