import assert from 'node:assert/strict';
import {
  prepareCosineSimilarity,
  prepareSpreadActivation,
  prepareTopK,
  type CosineSimilarityRequest,
  type RankedList,
  type SpreadActivationRequest,
  type TopKOutput,
  type TopKRequest,
  type VectorMatrix,
} from '@gearshift/contracts';
import { assertSameBits, assertSucceeded } from './assertions.js';
import type { Subject } from './contract-check.js';
import { guardedFloats, guardedIntegers } from './guarded-array.js';

/*
 * Runs one request with every method that a backend has for it. Every check thereby detects a write beyond the end of an
 * output, and a synchronous method with other bits.
 */

export type ScoreOptions = Omit<CosineSimilarityRequest, 'operation'>;
export type RankOptions = Omit<TopKRequest, 'operation' | 'matrix'> & { readonly matrix: VectorMatrix };
export type SpreadOptions = Omit<SpreadActivationRequest, 'operation'>;

/** @param offset elements by which the output is off a 32-byte boundary */
export async function askScores({ backend, sync }: Subject, options: ScoreOptions, offset = 1): Promise<Float32Array> {
  const request: CosineSimilarityRequest = { operation: 'cosine-similarity', ...options };
  const { outputLength } = prepareCosineSimilarity(request);
  const output = guardedFloats(outputLength, offset);
  assertSucceeded(await backend.cosineSimilarity(request, output.array), 'cosineSimilarity');
  output.assertUntouched('output of cosineSimilarity');
  if (sync !== undefined) {
    const twin = guardedFloats(outputLength, offset);
    assertSucceeded(sync.cosineSimilaritySync(request, twin.array), 'cosineSimilaritySync');
    twin.assertUntouched('output of cosineSimilaritySync');
    assertSameBits(twin.array, output.array, 'cosineSimilaritySync against cosineSimilarity');
  }
  return output.array;
}

export interface Ranking extends RankedList {
  readonly count: number;
  /** Entries of each query. */
  readonly counts: Uint32Array;
}

/** The entries of one query. */
export function listOf({ indices, scores, count, counts }: Ranking, query: number): RankedList {
  const [start, end] = [query * count, query * count + counts[query]];
  return { indices: indices.slice(start, end), scores: scores.slice(start, end) };
}

export async function askRanking({ backend, sync }: Subject, options: RankOptions, offset = 1): Promise<Ranking> {
  const request: TopKRequest = { operation: 'top-k', ...options };
  const { outputLength, count, queries, minScore } = prepareTopK(request);
  const hasCounts = minScore !== undefined && queries > 1;
  const ask = async (name: string, run: (output: TopKOutput) => Promise<void>): Promise<Ranking> => {
    const indices = guardedIntegers(outputLength, offset);
    const scores = guardedFloats(outputLength, offset);
    const counts = guardedIntegers(queries, offset);
    const output = { indices: indices.array, scores: scores.array, count: -1 };
    const written = hasCounts ? { ...output, counts: counts.array } : output;
    await run(written);
    indices.assertUntouched(`output.indices of ${name}`);
    scores.assertUntouched(`output.scores of ${name}`);
    counts.assertUntouched(`output.counts of ${name}`);
    if (minScore === undefined) assert.equal(written.count, count, `${name}: entries per query`);
    if (!hasCounts) counts.array.fill(written.count);
    assert.equal(Math.max(...counts.array), written.count, `${name}: entries of the query with the most`);
    return { ...written, counts: counts.array };
  };
  const ranking = await ask('topK', async (output) => assertSucceeded(await backend.topK(request, output), 'topK'));
  if (sync !== undefined) {
    const twin = await ask('topKSync', async (output) => assertSucceeded(sync.topKSync(request, output), 'topKSync'));
    assert.deepEqual(twin.counts, ranking.counts, 'topKSync against topK: counts');
    const entries = queries * ranking.count;
    const [twins, rankings] = [twin, ranking].map(({ indices }) => indices.subarray(0, entries));
    assert.deepEqual(twins, rankings, 'topKSync against topK: indices');
    const [twinScores, scores] = [twin, ranking].map((list) => list.scores.subarray(0, entries));
    assertSameBits(twinScores, scores, 'topKSync against topK: scores');
  }
  return ranking;
}

export async function askSpread({ backend, sync }: Subject, options: SpreadOptions, offset = 1): Promise<Float32Array> {
  const request: SpreadActivationRequest = { operation: 'spread-activation', ...options };
  const { outputLength } = prepareSpreadActivation(request);
  const output = guardedFloats(outputLength, offset);
  assertSucceeded(await backend.spreadActivation(request, output.array), 'spreadActivation');
  output.assertUntouched('output of spreadActivation');
  if (sync !== undefined) {
    const twin = guardedFloats(outputLength, offset);
    assertSucceeded(sync.spreadActivationSync(request, twin.array), 'spreadActivationSync');
    twin.assertUntouched('output of spreadActivationSync');
    assertSameBits(twin.array, output.array, 'spreadActivationSync against spreadActivation');
  }
  return output.array;
}
