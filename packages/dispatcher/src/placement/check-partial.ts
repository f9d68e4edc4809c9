import { requireObject, type PreparedRequest, type TopKOutput } from '@gearshift/contracts';
import { outputFor } from '../output-for.js';
import type { PartialAnswer } from '../run-outcome.js';
import type { UnfinishedRun } from './placed-run.js';

/**
 * What an unfinished answer comes to for this request; the ranges are checked by whoever goes on with them.
 *
 * @throws TypeError or RangeError where it cannot be of this request.
 */
export function checkPartial(
  request: PreparedRequest,
  partial: PartialAnswer,
): { readonly output: Float32Array | TopKOutput; readonly unfinished: UnfinishedRun } {
  requireObject('partial', partial);
  const { output, done, remaining } = partial;
  const total = itemCount(request);
  return { output: outputFor(request, output), unfinished: { total, done, remaining } };
}

function itemCount(request: PreparedRequest): number {
  const candidates = request.operation === 'top-k' ? request.candidates : undefined;
  return candidates?.length ?? request.end - request.start;
}
