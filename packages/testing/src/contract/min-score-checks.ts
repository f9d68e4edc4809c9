import assert from 'node:assert/strict';
import { createMatrix, METRICS, NO_ROW } from '@gearshift/contracts';
import { randomValues } from '../random/random-vectors.js';
import { ranksLikeOracle } from './against-oracle.js';
import { askRanking, listOf } from './ask.js';
import { assertSameBits } from './assertions.js';
import type { ContractCheck } from './contract-check.js';

export const minScoreChecks: readonly ContractCheck[] = [
  {
    name: 'minScore: leaves the entries of the ranking without it that score at least as well, bit for bit',
    async run(subject) {
      const dimensions = 15;
      const values = randomValues(200 * dimensions, 420);
      // Equal rows, so that several scores are exactly minScore.
      for (const row of [17, 130]) values.copyWithin(row * dimensions, 40 * dimensions, 41 * dimensions);
      const matrix = createMatrix(values, { dimensions });
      const query = values.slice(40 * dimensions, 41 * dimensions);
      for (const metric of METRICS) {
        const all = await askRanking(subject, { query, matrix, k: 50, metric });
        const isGood = (score: number, minScore: number) =>
          metric === 'euclidean' ? score <= minScore : score >= minScore;
        const worst = metric === 'euclidean' ? Infinity : -Infinity;
        for (const minScore of [all.scores[0], all.scores[1], all.scores[30], all.scores[49], 0, worst, -worst]) {
          const expected = all.scores.filter((score) => isGood(score, minScore)).length;
          const cut = await askRanking(subject, { query, matrix, k: 50, metric, minScore });
          const context = `${metric} from ${minScore}`;
          assert.equal(cut.count, expected, `${context}: entries`);
          const { indices, scores } = listOf(cut, 0);
          assert.deepEqual(indices, all.indices.slice(0, expected), `${context}: rows`);
          assertSameBits(scores, all.scores.slice(0, expected), `${context}: scores`);
        }
      }
    },
  },
  {
    name: 'minScore: is not reached by NaN',
    async run(subject) {
      const dimensions = 3;
      const values = randomValues(40 * dimensions, 421);
      for (const row of [0, 20, 39]) values[row * dimensions] = NaN;
      const matrix = createMatrix(values, { dimensions });
      const query = randomValues(dimensions, 422);
      for (const metric of METRICS) {
        const minScore = metric === 'euclidean' ? Infinity : -Infinity;
        const { count, scores } = await askRanking(subject, { query, matrix, k: 40, metric, minScore });
        assert.equal(count, 37, `${metric}: entries`);
        assert.ok(!scores.subarray(0, count).some(Number.isNaN), `${metric}: scores`);
        const nothing = await askRanking(subject, { query: query.map(() => NaN), matrix, k: 40, metric, minScore });
        assert.equal(nothing.count, 0, `${metric}: a query of NaN`);
      }
    },
  },
  {
    name: 'minScore: is rounded to float32, so that a score reaches itself as it is printed',
    async run(subject) {
      const matrix = createMatrix(Float32Array.of(0.7, 0.1), { dimensions: 1 });
      const options = { query: Float32Array.of(1), matrix, k: 2, metric: 'dot' } as const;
      assert.equal((await askRanking(subject, { ...options, minScore: 0.7 })).count, 1);
      assert.equal((await askRanking(subject, { ...options, minScore: 0.1 })).count, 2);
    },
  },
  {
    name: 'minScore: with several queries gives each its own number of entries, and fills the others up',
    async run(subject) {
      const dimensions = 11;
      const matrix = createMatrix(randomValues(90 * dimensions, 423), { dimensions });
      const query = randomValues(6 * dimensions, 424);
      query.fill(0, 4 * dimensions, 5 * dimensions);
      for (const minScore of [0.1, 0.5, 0.99]) {
        const options = { query, queries: 6, matrix, k: 20, minScore };
        const together = await askRanking(subject, options);
        await ranksLikeOracle(subject, options, `from ${minScore}`);
        for (let q = 0; q < 6; q++) {
          const context = `query ${q} from ${minScore}`;
          const one = query.slice(q * dimensions, (q + 1) * dimensions);
          const alone = await askRanking(subject, { query: one, matrix, k: 20, minScore });
          assert.equal(together.counts[q], alone.count, `${context}: entries`);
          const [list, expected] = [listOf(together, q), listOf(alone, 0)];
          assert.deepEqual(list.indices, expected.indices, `${context}: rows`);
          assertSameBits(list.scores, expected.scores, `${context}: scores`);
          const [from, to] = [q * together.count + alone.count, (q + 1) * together.count];
          assert.ok(
            together.indices.slice(from, to).every((index) => index === NO_ROW),
            `${context}: rows that fill it up`,
          );
          assert.ok(together.scores.slice(from, to).every(Number.isNaN), `${context}: scores that fill it up`);
        }
      }
    },
  },
  {
    name: 'minScore: merely drops candidates and rows of a range',
    async run(subject) {
      const dimensions = 8;
      const matrix = createMatrix(randomValues(120 * dimensions, 425), { dimensions });
      const query = randomValues(2 * dimensions, 426);
      const candidates = Uint32Array.from({ length: 60 }, (_, i) => 119 - 2 * i);
      for (const metric of METRICS) {
        const minScore = metric === 'euclidean' ? 4 : 0.2;
        const options = { query, queries: 2, matrix, k: 40, metric, minScore };
        await ranksLikeOracle(subject, { ...options, candidates }, `candidates by ${metric}`);
        await ranksLikeOracle(subject, { ...options, start: 50 }, `rows from 50 by ${metric}`);
      }
    },
  },
];
