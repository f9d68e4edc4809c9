import type { AttemptReport, PartialAnswer, PreparedRequest, Work } from '@gearshift/contracts';
import { expected, requireObject, type OperationOutput } from '@gearshift/contracts/internal';
import { dispatchOperationOf } from '../operations/dispatch-operations.js';
import type { UnfinishedRun } from './chunked-run.js';

/** A checked unfinished answer. */
export interface CheckedPartial {
  readonly output: OperationOutput;
  readonly unfinished: UnfinishedRun;
  readonly attempts: readonly AttemptReport[];
  /** The operand has changed, so the finished part cannot be combined with new results. */
  readonly isOutdated: boolean;
}

/**
 * Checks that an unfinished answer belongs to this request. The run that continues it checks the ranges.
 *
 * @throws TypeError or RangeError when it does not belong to this request.
 */
export function checkPartial(request: PreparedRequest, work: Work, partial: PartialAnswer): CheckedPartial {
  requireObject('partial', partial);
  const { output, done, remaining, operation, operand, attempts } = partial;
  if (operation !== request.operation) {
    throw new RangeError(expected('partial', `one of the operation '${request.operation}'`, operation));
  }
  requireObject('partial.operand', operand);
  if (operand.id !== work.operandId) {
    throw new RangeError(expected('partial.operand.id', `${work.operandId}, as in the request`, operand.id));
  }
  for (const [name, list] of Object.entries({ done, remaining, attempts })) {
    if (!Array.isArray(list)) throw new TypeError(expected(`partial.${name}`, 'an array', list));
  }
  return {
    output: dispatchOperationOf(request).requireOutput(request, requireGiven(output)),
    unfinished: { total: work.batchSize, done, remaining },
    attempts,
    isOutdated: operand.version !== work.operandVersion,
  };
}

function requireGiven(output: OperationOutput): OperationOutput {
  if (output === undefined) throw new TypeError(expected('partial.output', 'the output of the run before', output));
  return output;
}
