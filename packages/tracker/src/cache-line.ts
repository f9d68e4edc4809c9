const CACHE_LINE_BYTES = 64;

/** What threads write is laid out in whole cache lines, so that two writers never share one. */
export const NUMBERS_PER_LINE = CACHE_LINE_BYTES / Float64Array.BYTES_PER_ELEMENT;
export const INTEGERS_PER_LINE = CACHE_LINE_BYTES / Int32Array.BYTES_PER_ELEMENT;

/** `count` rounded up to whole lines of `perLine` cells. */
export function toWholeLines(count: number, perLine: number): number {
  return Math.ceil(count / perLine) * perLine;
}
