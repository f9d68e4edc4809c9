import assert from 'node:assert/strict';
import { compareRanked, createMatrix, mergeRanked, METRICS } from '@gearshift/contracts';
import { clusteredValues, randomValues } from '../random/random-vectors.js';
import { createRandom } from '../random/seeded-random.js';
import { specialRows } from '../special-values.js';
import { ranksLikeOracle } from './against-oracle.js';
import { askRanking, askScores } from './ask.js';
import { assertSameBits } from './assertions.js';
import type { ContractCheck } from './contract-check.js';
import { onOffset, onShared, strewn } from './operands.js';
import { EDGE_LENGTHS } from './score-checks.js';

export const topKChecks: readonly ContractCheck[] = [
  {
    name: 'top-k: is correct for every metric at the boundaries of dimensions',
    async run(subject) {
      for (const metric of METRICS) {
        for (const dimensions of EDGE_LENGTHS) {
          const matrix = createMatrix(randomValues(70 * dimensions, dimensions), { dimensions });
          const query = randomValues(dimensions, 20);
          await ranksLikeOracle(subject, { query, matrix, k: 5, metric }, `${metric} in ${dimensions} dimensions`);
        }
      }
    },
  },
  {
    name: 'top-k: is correct at the boundaries of rows and k',
    async run(subject) {
      for (const rows of [0, ...EDGE_LENGTHS]) {
        const matrix = createMatrix(randomValues(rows * 3, rows), { dimensions: 3 });
        for (const k of [1, 2, 16, 255, 256, 257, 1536]) {
          await ranksLikeOracle(subject, { query: randomValues(3, 21), matrix, k }, `${k} of ${rows} rows`);
        }
      }
    },
  },
  {
    name: 'top-k: is correct for unaligned operands and outputs, and in shared memory',
    async run(subject) {
      const dimensions = 19;
      for (const offset of [0, 1, 2, 3]) {
        const matrix = createMatrix(onOffset(randomValues(33 * dimensions, 22), offset), { dimensions });
        const query = onOffset(randomValues(dimensions, 23), (offset + 1) % 4);
        await ranksLikeOracle(subject, { query, matrix, k: 7 }, `offset ${offset}`, offset);
      }
      const matrix = createMatrix(onShared(randomValues(33 * dimensions, 22)), { dimensions });
      await ranksLikeOracle(subject, { query: onShared(randomValues(dimensions, 23)), matrix, k: 7 }, 'shared');
    },
  },
  {
    name: 'top-k: is correct for clustered rows and for a matrix large enough for several threads',
    async run(subject) {
      const dimensions = 96;
      const values = clusteredValues({ rows: 20_000, dimensions, clusters: 8, deviation: 0.01, seed: 24 });
      const matrix = createMatrix(values, { dimensions });
      await ranksLikeOracle(subject, { query: values.slice(0, dimensions), matrix, k: 100 }, 'clustered');
    },
  },
  {
    name: 'top-k: is correct for rows of special values under every metric',
    async run(subject) {
      for (const metric of METRICS) {
        for (const dimensions of [1, 7, 16, 100]) {
          const matrix = createMatrix(specialRows(dimensions), { dimensions });
          const query = randomValues(dimensions, 25);
          for (const k of [3, matrix.rows]) {
            await ranksLikeOracle(
              subject,
              { query, matrix, k, metric },
              `${k} by ${metric} in ${dimensions} dimensions`,
            );
          }
        }
      }
    },
  },
  {
    name: 'top-k: is correct for random shapes with scattered special values',
    async run(subject) {
      for (let seed = 0; seed < 40; seed++) {
        const random = createRandom(seed);
        const dimensions = 1 + random.integer(300);
        const rows = 1 + random.integer(200);
        const matrix = createMatrix(strewn(randomValues(rows * dimensions, seed), random), { dimensions });
        const queries = 1 + random.integer(3);
        const query = randomValues(queries * dimensions, seed + 1000);
        const options = { query, queries, matrix, k: 1 + random.integer(rows), metric: METRICS[seed % METRICS.length] };
        const context = `seed ${seed}: ${options.k} of ${rows} rows of ${dimensions} by ${options.metric}`;
        await ranksLikeOracle(subject, { ...options, start: random.integer(rows) }, context, random.integer(4));
        await ranksLikeOracle(subject, { ...options, query: strewn(query, random) }, `${context}, special query`);
      }
    },
  },
  {
    name: 'top-k: has the same scores, bit for bit, and the same order as a full sort of the cosine similarities',
    async run(subject) {
      const dimensions = 24;
      const values = randomValues(500 * dimensions, 26);
      // Equal rows, so that there are ties.
      for (const row of [17, 230, 499]) values.copyWithin(row * dimensions, 40 * dimensions, 41 * dimensions);
      const matrix = createMatrix(values, { dimensions });
      const query = values.slice(40 * dimensions, 41 * dimensions);
      const scores = await askScores(subject, { query, matrix });
      const order = Array.from(scores.keys()).sort((a, b) => compareRanked('cosine', scores[a], a, scores[b], b));
      for (const k of [1, 3, 4, 100, 500]) {
        const ranking = await askRanking(subject, { query, matrix, k });
        assert.deepEqual([...ranking.indices], order.slice(0, k), `rows of the ${k} best`);
        const sorted = Float32Array.from(order.slice(0, k), (row) => scores[row]);
        assertSameBits(ranking.scores, sorted, `scores of the ${k} best`);
      }
    },
  },
  {
    name: 'top-k: returns the first half of the best 2k as the best k, bit for bit, under every metric',
    async run(subject) {
      const matrix = createMatrix(randomValues(600 * 10, 27), { dimensions: 10 });
      for (const metric of METRICS) {
        const query = randomValues(10, 28);
        const more = await askRanking(subject, { query, matrix, k: 26, metric });
        const few = await askRanking(subject, { query, matrix, k: 13, metric });
        assert.deepEqual(few.indices, more.indices.slice(0, 13), `${metric}: rows`);
        assertSameBits(few.scores, more.scores.slice(0, 13), `${metric}: scores`);
      }
    },
  },
  {
    name: 'top-k: merged row ranges equal the whole, bit for bit',
    async run(subject) {
      const dimensions = 21;
      const matrix = createMatrix(randomValues(310 * dimensions, 29), { dimensions });
      const query = randomValues(dimensions, 30);
      for (const metric of METRICS) {
        const whole = await askRanking(subject, { query, matrix, k: 20, metric });
        const cuts = [0, 1, 16, 18, 170, 310];
        const parts = [];
        for (let i = 1; i < cuts.length; i++) {
          parts.push(await askRanking(subject, { query, matrix, k: 20, metric, start: cuts[i - 1], end: cuts[i] }));
        }
        const merged = { indices: new Uint32Array(20), scores: new Float32Array(20) };
        assert.equal(mergeRanked(metric, parts, merged), 20);
        assert.deepEqual(merged.indices, whole.indices, `${metric}: rows`);
        assertSameBits(merged.scores, whole.scores, `${metric}: scores`);
      }
    },
  },
  {
    name: 'top-k: several queries give the same as each query alone, bit for bit',
    async run(subject) {
      const dimensions = 12;
      const matrix = createMatrix(randomValues(90 * dimensions, 31), { dimensions });
      for (const queries of [2, 5, 9]) {
        const query = randomValues(queries * dimensions, queries);
        const together = await askRanking(subject, { query, queries, matrix, k: 6, start: 2 });
        for (let q = 0; q < queries; q++) {
          const one = query.subarray(q * dimensions, (q + 1) * dimensions);
          const alone = await askRanking(subject, { query: one, matrix, k: 6, start: 2 });
          const [from, to] = [q * 6, (q + 1) * 6];
          assert.deepEqual(together.indices.slice(from, to), alone.indices, `rows of query ${q} of ${queries}`);
          assertSameBits(together.scores.slice(from, to), alone.scores, `scores of query ${q} of ${queries}`);
        }
      }
    },
  },
  {
    name: 'top-k: considers only the candidates, in any order',
    async run(subject) {
      const dimensions = 40;
      const values = randomValues(300 * dimensions, 32);
      values.copyWithin(7 * dimensions, 200 * dimensions, 201 * dimensions);
      const matrix = createMatrix(values, { dimensions });
      const query = values.slice(200 * dimensions, 201 * dimensions);
      const candidates = Uint32Array.of(299, 200, 3, 7, 150, 0, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 298);
      for (const metric of METRICS) {
        for (const k of [1, 2, 18, 40]) {
          await ranksLikeOracle(subject, { query, matrix, k, metric, candidates }, `${k} candidates by ${metric}`);
        }
      }
      const { indices, scores } = await askRanking(subject, { query, matrix, k: 2, candidates });
      assert.deepEqual([...indices], [7, 200], 'equal candidates: lower index first');
      const all = await askScores(subject, { query, matrix });
      assertSameBits(scores, Float32Array.of(all[7], all[200]), 'scores of candidates');
      const none = await askRanking(subject, { query, matrix, k: 2, candidates: new Uint32Array(0) });
      assert.equal(none.count, 0, 'no candidates');
      const few = { query, matrix, k: 5, start: 40, end: 60, candidates: Uint32Array.of(59, 40) };
      await ranksLikeOracle(subject, few, 'candidates of a row range');
    },
  },
];
