import { expected } from '@gearshift/contracts/internal';
import type { ChunkWork, Rejection } from './chunk-work.js';

/** Results at the indices of their items, with holes where there is no result yet. */
export type ItemOutput<R> = (R | undefined)[];

/**
 * Work on an array by a function that returns the results. Results of a call that was given up are not copied, so a call that
 * ends too late changes nothing.
 *
 * @param output receives the results; holds those of an earlier run already.
 */
export function itemWork<R>(items: readonly unknown[], output: ItemOutput<R>): ChunkWork<readonly R[], ItemOutput<R>> {
  const total = items.length;
  return {
    total,
    accept: (start, end, results) => copyResults(results, output, start, end - start),
    whatChanged: () =>
      items.length === total ? null : `items: expected ${total} as at the start, got ${items.length}`,
    output: () => output,
  };
}

/** Work on a range by a function that writes its results itself. */
export function rangeWork(total: number): ChunkWork<unknown, null> {
  return { total, accept: nothing, whatChanged: nothing, output: nothing };
}

function copyResults<R>(results: readonly R[], output: ItemOutput<R>, start: number, count: number): Rejection | null {
  if (!Array.isArray(results)) {
    return { kind: 'invalid-result', message: expected('results', `an array of ${count} elements`, results) };
  }
  // Read once, before anything is written: a subclass or a proxy may throw, or report another length each time.
  const read = Array.prototype.slice.call(results) as R[];
  if (read.length !== count) {
    return { kind: 'length-mismatch', message: `expected ${count} results, one per item, got ${read.length}` };
  }
  for (let index = 0; index < count; index++) output[start + index] = read[index];
  return null;
}

function nothing(): null {
  return null;
}
