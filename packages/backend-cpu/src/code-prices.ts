import type { VectorMatrix } from '@gearshift/contracts';

/** What codes are expected to cost and to save, in milliseconds. */
export interface CodePrices {
  /** What codes would have saved of a ranking that took so long without. */
  savedMs(matrix: VectorMatrix, kernelMs: number): number;
  buildMs(matrix: VectorMatrix): number;
}

/** Of the time of a scan. A search with codes takes a fifth to a third of it. */
const SAVED_SHARE = 0.7;
/** One thread encodes a row of 768 dimensions in 0.8 to 2.3 microseconds, by its instruction set. */
const ENCODE_NS_PER_ELEMENT = 3;

export const CODE_PRICES: CodePrices = {
  savedMs: (_, kernelMs) => SAVED_SHARE * kernelMs,
  buildMs: ({ rows, dimensions }) => rows * dimensions * ENCODE_NS_PER_ELEMENT * 1e-6,
};
