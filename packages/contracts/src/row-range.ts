import { requireInteger } from './arguments.js';
import { optionNames } from './options.js';

/** Rows `[start, end)` of the operand that the request covers; all of them when omitted. */
export interface RowRange {
  readonly start?: number | undefined;
  readonly end?: number | undefined;
}

export const RANGE_OPTIONS = optionNames<RowRange>({ start: true, end: true });

/** The range of a request with at least one of `start` and `end`. */
export function requireRange(
  start: unknown,
  end: unknown,
  rows: number,
): { readonly start: number; readonly end: number } {
  const last = end === undefined ? rows : requireInteger('end', end, 0, rows);
  const first = start === undefined ? 0 : requireInteger('start', start, 0, last);
  return { start: first, end: last };
}
