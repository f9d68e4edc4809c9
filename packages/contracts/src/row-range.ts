import { requireInteger } from './arguments.js';

/** Rows `[start, end)` of the operand that the request covers; all of them when omitted. */
export interface RowRange {
  readonly start?: number | undefined;
  readonly end?: number | undefined;
}

/** The range of a request with at least one of `start` and `end`. */
export function requireRange(
  request: RowRange,
  start: unknown,
  end: unknown,
  rows: number,
): { readonly start: number; readonly end: number } {
  const last = end === undefined || !Object.hasOwn(request, 'end') ? rows : requireInteger('end', end, 0, rows);
  const first = start === undefined || !Object.hasOwn(request, 'start') ? 0 : requireInteger('start', start, 0, last);
  return { start: first, end: last };
}
