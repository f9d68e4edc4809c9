import assert from 'node:assert/strict';
import {
  compareRanked,
  NO_ROW,
  prepareCosineSimilarity,
  prepareSpreadActivation,
  prepareTopK,
} from '@gearshift/contracts';
import { oracleEntries, type OracleEntry } from '../oracle/oracle-ranking.js';
import { oracleScores } from '../oracle/oracle-scores.js';
import { oracleSpread } from '../oracle/oracle-spread.js';
import {
  askRanking,
  askScores,
  askSpread,
  listOf,
  type RankOptions,
  type ScoreOptions,
  type SpreadOptions,
} from './ask.js';
import { assertClose, assertNear } from './assertions.js';
import type { Subject } from './contract-check.js';

/** Runs the request, compares the scores with the oracle, and returns them. */
export async function scoresLikeOracle(
  subject: Subject,
  options: ScoreOptions,
  context: string,
  offset?: number,
): Promise<Float32Array> {
  const scores = await askScores(subject, options, offset);
  const request = prepareCosineSimilarity({ operation: 'cosine-similarity', ...options });
  assertClose(scores, oracleScores(request), subject.toleranceFactor, context);
  return scores;
}

export async function spreadLikeOracle(
  subject: Subject,
  options: SpreadOptions,
  context: string,
  offset?: number,
): Promise<Float32Array> {
  const activations = await askSpread(subject, options, offset);
  const request = prepareSpreadActivation({ operation: 'spread-activation', ...options });
  assertClose(activations, oracleSpread(request), subject.toleranceFactor, context);
  return activations;
}

/**
 * Runs a ranking and checks its properties, because rows with scores closer than the tolerance may come in either order:
 * every entry is an allowed row, none is repeated, each score is correct, the entries are in the order of their scores, and no
 * row is missing that is clearly better than the last one.
 *
 * @param rows of a large matrix: those among which the oracle looks, because all others are clearly worse
 */
export async function ranksLikeOracle(
  subject: Subject,
  options: RankOptions,
  context: string,
  offset?: number,
  rows?: Uint32Array,
): Promise<void> {
  const ranking = await askRanking(subject, options, offset);
  const request = prepareTopK({ operation: 'top-k', ...options });
  // Rounding decides whether a row near minScore reaches it, so that the oracle ranks all rows.
  const candidates = rows ?? options.candidates;
  const everyRow = prepareTopK({ operation: 'top-k', ...options, candidates, minScore: undefined });
  const { minScore } = request;
  for (let query = 0; query < request.queries; query++) {
    const expected = oracleEntries(everyRow, query);
    const byIndex = new Map(expected.map((entry) => [entry.index, entry]));
    const { indices, scores } = listOf(ranking, query);
    const where = `${context}, query ${query}`;
    for (let i = 0; i < indices.length; i++) {
      const index = indices[i];
      const score = scores[i];
      const entry = byIndex.get(index);
      assert.ok(entry !== undefined, `${where}: entry ${i} is row ${index}, which was not asked for or came before`);
      byIndex.delete(index);
      assertNear(score, entry, subject.toleranceFactor, `${where}: score of row ${index}`);
      if (minScore !== undefined) {
        const isGood = request.metric === 'euclidean' ? score <= minScore : score >= minScore;
        assert.ok(isGood, `${where}: row ${index} scores ${score}, worse than ${minScore}`);
      }
      if (i === 0) continue;
      const [indexBefore, scoreBefore] = [indices[i - 1], scores[i - 1]];
      const order = compareRanked(request.metric, scoreBefore, indexBefore, score, index);
      assert.ok(order < 0, `${where}: row ${indexBefore} (${scoreBefore}) came before row ${index} (${score})`);
    }
    const isCut = minScore !== undefined && indices.length < request.count;
    const last = isCut
      ? { index: NO_ROW, score: minScore, bound: 0, rounded: minScore }
      : expected.find(({ index }) => index === indices.at(-1));
    if (last === undefined) continue;
    for (const missed of byIndex.values()) {
      const isBetter = isBetterBeyondDoubt(missed, last, request.metric === 'euclidean', subject.toleranceFactor);
      assert.ok(!isBetter, `${where}: row ${missed.index} (${missed.score}) is missing, row ${last.index} is there`);
    }
  }
}

function isBetterBeyondDoubt(a: OracleEntry, b: OracleEntry, isDistance: boolean, toleranceFactor: number): boolean {
  if (Number.isNaN(a.score)) return Number.isNaN(b.score) && a.index < b.index;
  if (Number.isNaN(b.score)) return true;
  const doubt = toleranceFactor * (a.bound + b.bound);
  return isDistance ? a.rounded < b.rounded - doubt : a.rounded > b.rounded + doubt;
}
