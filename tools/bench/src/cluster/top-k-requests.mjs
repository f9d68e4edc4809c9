import { createMatrix, createTopKOutput, prepareTopK } from '@gearshift/contracts';
import { randomValues } from '../storage/random-values.mjs';

export const DIMENSIONS = 768;
const K = 10;
const HEADER_OF_QUERY = 160;
const HEADER_OF_ANSWER = 72;
export const QUERY_BYTES = HEADER_OF_QUERY + 4 * DIMENSIONS;
/** A row number and a score for each of the best. */
export const ANSWER_BYTES = HEADER_OF_ANSWER + 8 * K;

/** A request for the best rows of a matrix with so many rows, and an output for it. */
export function requestOf(rows) {
  const matrix = createMatrix(randomValues(rows * DIMENSIONS), { dimensions: DIMENSIONS });
  const request = prepareTopK({ operation: 'top-k', matrix, query: randomValues(DIMENSIONS, 7), k: K });
  return { matrix, request, output: createTopKOutput(request), createOutput: () => createTopKOutput(request) };
}
