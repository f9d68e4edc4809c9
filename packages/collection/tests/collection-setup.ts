import { createExecutor, type Executor } from 'gearshift';
import { afterAll } from 'vitest';
import type { CollectionId, CollectionItem, Match } from '../src/index.js';

/** An executor on the CPU that is closed after the tests of the file. */
export async function openExecutor(): Promise<Executor> {
  const executor = await createExecutor({ backends: ['cpu'] });
  afterAll(() => executor.close());
  return executor;
}

export interface Tagged {
  readonly tag: string;
  readonly n: number;
}

/** Numbers from 0 to 1, the same for the same seed. */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

export function randomVector(random: () => number, dimensions: number): Float32Array {
  return Float32Array.from({ length: dimensions }, () => random() * 2 - 1);
}

/** The best items by the definition of the cosine, in double precision. */
export function bestByHand<M extends object>(
  items: Iterable<CollectionItem<M>>,
  vector: Float32Array,
  k: number,
): { readonly id: CollectionId; readonly score: number }[] {
  return Array.from(items, (item) => ({ id: item.id, score: cosine(item.vector, vector) }))
    .sort((a, b) => b.score - a.score)
    .slice(0, k);
}

export function idsOf(matches: readonly Match<object>[]): CollectionId[] {
  return matches.map(({ id }) => id);
}

function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let dot = 0;
  let squareA = 0;
  let squareB = 0;
  for (let i = 0; i < a.length; i++) {
    dot += a[i] * b[i];
    squareA += a[i] * a[i];
    squareB += b[i] * b[i];
  }
  return squareA === 0 || squareB === 0 ? 0 : dot / Math.sqrt(squareA * squareB);
}
