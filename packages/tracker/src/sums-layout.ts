import { SUMS_LENGTH } from '@gearshift/contracts';
import { NUMBERS_PER_LINE } from './cache-line.js';
import type { BlockShape } from './protocol/publication.js';

/** How many of them, from the first, every publication copies. Of the others it copies the range that was ever changed. */
export const ALWAYS_PUBLISHED = 16;

/** How sums lie in a block: where the range that was changed begins and ends, then, on a line of their own, the numbers. */
export const SUMS = { low: 0, end: 1, numbers: NUMBERS_PER_LINE } as const;
export const SUMS_CELLS = SUMS.numbers + SUMS_LENGTH;

export const SUMS_SHAPE: BlockShape = {
  denseCount: SUMS.numbers + ALWAYS_PUBLISHED,
  ranges: [{ at: SUMS.numbers, lowField: SUMS.low, endField: SUMS.end }],
  copyCells: SUMS_CELLS,
};
