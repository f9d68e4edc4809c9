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
} from '@gearshift/contracts';
import { assertSameBits, assertSucceeded } from './assertions.js';
import type { Subject } from './contract-check.js';
import { guardedFloats, guardedIntegers } from './guarded-array.js';

/*
 * Runs one request with every method that a backend has for it. Every check thereby detects a write beyond the end of an
 * output, and a synchronous method with other bits.
 */

export type ScoreOptions = Omit<CosineSimilarityRequest, 'operation'>;
export type RankOptions = Omit<TopKRequest, 'operation'>;
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
}

export async function askRanking({ backend, sync }: Subject, options: RankOptions, offset = 1): Promise<Ranking> {
  const request: TopKRequest = { operation: 'top-k', ...options };
  const { outputLength, count } = prepareTopK(request);
  const ask = async (name: string, run: (output: TopKOutput) => Promise<void>): Promise<Ranking> => {
    const indices = guardedIntegers(outputLength, offset);
    const scores = guardedFloats(outputLength, offset);
    const output = { indices: indices.array, scores: scores.array, count: -1 };
    await run(output);
    indices.assertUntouched(`output.indices of ${name}`);
    scores.assertUntouched(`output.scores of ${name}`);
    assert.equal(output.count, count, `${name}: entries per query`);
    return output;
  };
  const ranking = await ask('topK', async (output) => assertSucceeded(await backend.topK(request, output), 'topK'));
  if (sync !== undefined) {
    const twin = await ask('topKSync', async (output) => assertSucceeded(sync.topKSync(request, output), 'topKSync'));
    assert.deepEqual(twin.indices, ranking.indices, 'topKSync against topK: indices');
    assertSameBits(twin.scores, ranking.scores, 'topKSync against topK: scores');
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
