import { types } from 'node:util';
import type { Result } from '@gearshift/contracts';
import { expected, requireInteger } from '@gearshift/contracts/internal';
import { requireFunction } from './require-limit.js';
import type { RangeFunction } from './run-ranges.js';

/** An array that results can be written to. */
export type ResultArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/** Does items `[start, end)` and writes their results to `staged`, from its beginning; nothing else uses that array. */
export type StagedFunction<A extends ResultArray, E = unknown> = (
  start: number,
  end: number,
  staged: A,
  signal: AbortSignal,
) => PromiseLike<Result<unknown, E>> | Result<unknown, E>;

/**
 * Makes a {@link RangeFunction} from a function that may still write after its call was given up: each call writes into
 * separate memory, which is copied into `output` when the call succeeds in time, and dropped otherwise. Costs one copy and
 * `elementsPerItem` elements per item of a chunk: include these in `bytesPerItem`.
 *
 * @param output holds `elementsPerItem` elements for each item of the run.
 *
 * @example
 * await runRanges(rows, options, stageWrites(scores, 1, (start, end, staged, signal) => remote.score(start, staged, signal)));
 */
export function stageWrites<A extends ResultArray, E = unknown>(
  output: A,
  elementsPerItem: number,
  fn: StagedFunction<A, E>,
): RangeFunction<E> {
  if (!types.isTypedArray(output)) {
    throw new TypeError(expected('output', 'a typed array', output));
  }
  requireInteger('elementsPerItem', elementsPerItem, 1);
  requireFunction('fn', fn);
  return async (start, end, signal) => {
    const staged = emptyLike(output, (end - start) * elementsPerItem);
    const result = await fn(start, end, staged, signal);
    // The check and the copy are in one turn, so nothing can run between them.
    if (result?.ok === true && !signal.aborted) copyTo(output, staged, start * elementsPerItem);
    return result;
  };
}

function emptyLike<A extends ResultArray>(output: A, elementCount: number): A {
  return new (output.constructor as new (elementCount: number) => A)(elementCount);
}

function copyTo<A extends ResultArray>(output: A, staged: A, at: number): void {
  (output as { set(from: A, at: number): void }).set(staged, at);
}
