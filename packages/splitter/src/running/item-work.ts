import { expected } from '@gearshift/contracts/internal';
import type { ItemFunction } from '../process-in-chunks.js';
import type { ChunkWork, Rejection } from './chunk-work.js';

/** Results in the places of their items; a hole where there is none yet. */
export type ItemOutput<R> = (R | undefined)[];

/**
 * Work on an array whose function returns its results. These are taken over only while their call has not been given up, so
 * a call that ends too late cannot touch anything.
 *
 * @param output receives the results; holds those of an earlier run already.
 */
export function itemWork<T, R, E>(
  items: readonly T[],
  output: ItemOutput<R>,
  fn: ItemFunction<T, R, E>,
  standIn: ItemFunction<T, R, E> | undefined,
): ChunkWork<readonly R[], E, ItemOutput<R>> {
  const total = items.length;
  return {
    total,
    call: (start, end, signal) => fn(items.slice(start, end), signal),
    standIn: standIn === undefined ? undefined : (start, end, signal) => standIn(items.slice(start, end), signal),
    accept: (start, end, results) => takeOver(results, output, start, end - start),
    whatChanged: () => (items.length === total ? null : `items: there were ${total}, now there are ${items.length}`),
    output: () => output,
  };
}

function takeOver<R>(results: readonly R[], output: ItemOutput<R>, start: number, count: number): Rejection | null {
  if (!Array.isArray(results)) {
    return { kind: 'invalid-result', message: expected('results', `an array of ${count} elements`, results) };
  }
  // Read once, before anything is written: an array of someone else's may throw, or tell another length each time.
  const read = Array.prototype.slice.call(results) as R[];
  if (read.length !== count) {
    return { kind: 'length-mismatch', message: `expected ${count} results, one per item, got ${read.length}` };
  }
  for (let index = 0; index < count; index++) output[start + index] = read[index];
  return null;
}
