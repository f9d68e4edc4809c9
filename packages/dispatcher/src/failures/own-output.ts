import type { TopKOutput } from '@gearshift/contracts';

type Output = Float32Array | TopKOutput;

/** Fresh memory for the same answer. */
export function outputLike(output: Output): Output {
  if (!('count' in output)) return new Float32Array(output.length);
  return { indices: new Uint32Array(output.indices.length), scores: new Float32Array(output.scores.length), count: 0 };
}

/** @param elementCount how much of each array a ranking fills; its arrays may be longer. */
export function copyOutput(from: Output, to: Output, elementCount: number): void {
  if ('count' in from && 'count' in to) {
    to.indices.set(from.indices.subarray(0, elementCount));
    to.scores.set(from.scores.subarray(0, elementCount));
    to.count = from.count;
  } else if (!('count' in from) && !('count' in to)) to.set(from);
}
