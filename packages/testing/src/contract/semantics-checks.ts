import assert from 'node:assert/strict';
import { createMatrix, graphFromEdges, METRICS } from '@gearshift/contracts';
import { randomValues } from '../random/random-vectors.js';
import { SPECIAL_ELEMENTS } from '../special-values.js';
import { ranksLikeOracle, scoresLikeOracle, spreadLikeOracle } from './against-oracle.js';
import { askRanking, askScores, askSpread } from './ask.js';
import { assertSameBits } from './assertions.js';
import type { ContractCheck } from './contract-check.js';
import { joined } from './operands.js';

const DIMENSIONS = [1, 3, 16, 50, 768];

/** The table "Semantics: one rule on every backend", row by row. Its rules about errors are among the validation checks. */
export const semanticsChecks: readonly ContractCheck[] = [
  {
    name: 'semantics: a zero query or a zero row has cosine 0',
    async run(subject) {
      for (const dimensions of DIMENSIONS) {
        const zero = new Float32Array(dimensions);
        const some = randomValues(dimensions, 60);
        const matrix = createMatrix(joined([some, zero, some]), { dimensions });
        const scores = await askScores(subject, { query: some, matrix });
        assert.equal(scores[1], 0, `a zero row of ${dimensions}`);
        assert.notEqual(scores[2], 0, 'the row after it');
        for (const query of [zero, new Float32Array(dimensions).fill(-0)]) {
          const nothing = await askScores(subject, { query, matrix });
          assert.ok(
            nothing.every((score) => score === 0),
            `a zero query of ${dimensions}: ${nothing.join(', ')}`,
          );
        }
      }
    },
  },
  {
    name: 'semantics: cosine stays within [-1, 1]',
    async run(subject) {
      for (const dimensions of DIMENSIONS) {
        for (let seed = 0; seed < 40; seed++) {
          const row = randomValues(dimensions, seed);
          const matrix = createMatrix(joined([row, row.map((x) => -x), row.map((x) => 3 * x)]), { dimensions });
          const scores = await scoresLikeOracle(subject, { query: row, matrix }, `parallel rows of ${dimensions}`);
          assert.ok(
            scores.every((score) => score >= -1 && score <= 1),
            `seed ${seed}: ${scores.join(', ')}`,
          );
        }
      }
    },
  },
  {
    name: 'semantics: NaN in a row makes exactly its score NaN, and NaN in a query makes all of its scores NaN',
    async run(subject) {
      for (const dimensions of DIMENSIONS) {
        const values = randomValues(9 * dimensions, 61);
        values[2 * dimensions] = NaN;
        values[8 * dimensions + dimensions - 1] = NaN;
        const zero = new Float32Array(dimensions);
        const matrix = createMatrix(joined([values, zero]), { dimensions });
        const query = joined([randomValues(dimensions, 62), zero, randomValues(dimensions, 63)]);
        query[2 * dimensions] = NaN;
        const scores = await scoresLikeOracle(subject, { query, queries: 3, matrix }, `${dimensions} dimensions`);
        const isNaNAt = Array.from(scores, (score) => Number.isNaN(score));
        const byRow = Array.from({ length: 10 }, (_, row) => row === 2 || row === 8);
        assert.deepEqual(isNaNAt.slice(0, 10), byRow, 'an ordinary query');
        assert.deepEqual(isNaNAt.slice(10, 20), byRow, 'a zero query');
        assert.deepEqual(
          isNaNAt.slice(20),
          byRow.map(() => true),
          'a query with NaN',
        );
      }
    },
  },
  {
    name: 'semantics: NaN ranks last in top-k, by ascending index, under every metric',
    async run(subject) {
      const dimensions = 5;
      const values = randomValues(12 * dimensions, 64);
      for (const row of [0, 5, 11]) values[row * dimensions + 1] = NaN;
      const matrix = createMatrix(values, { dimensions });
      for (const metric of METRICS) {
        const query = randomValues(dimensions, 65);
        const { indices, scores } = await askRanking(subject, { query, matrix, k: 12, metric });
        assert.deepEqual([...indices.slice(9)], [0, 5, 11], `${metric}: the last`);
        assert.ok(scores.slice(9).every(Number.isNaN) && !scores.slice(0, 9).some(Number.isNaN), `${metric}: scores`);
        const few = await askRanking(subject, { query, matrix, k: 9, metric });
        assert.ok(!few.scores.some(Number.isNaN), `${metric}: numbers first`);
        const candidates = Uint32Array.of(11, 5, 3, 0);
        const some = await askRanking(subject, { query, matrix, k: 3, metric, candidates });
        assert.deepEqual([...some.indices], [3, 0, 5], `${metric}: of unordered candidates`);
        const nothing = await askRanking(subject, { query: query.map(() => NaN), matrix, k: 4, metric });
        assert.deepEqual([...nothing.indices], [0, 1, 2, 3], `${metric}: nothing but NaN`);
      }
    },
  },
  {
    name: 'semantics: infinities give the results of IEEE arithmetic in double precision',
    async run(subject) {
      for (const dimensions of [2, 16, 33]) {
        const rows = [Infinity, -Infinity, 1, SPECIAL_ELEMENTS.largest].map((element) => {
          const row = randomValues(dimensions, 66);
          row[dimensions - 1] = element;
          return row;
        });
        const matrix = createMatrix(joined(rows), { dimensions });
        for (const last of [1, -1, 0, Infinity]) {
          const query = randomValues(dimensions, 67);
          query[dimensions - 1] = last;
          const where = `${last} in ${dimensions} dimensions`;
          await scoresLikeOracle(subject, { query, matrix }, where);
          for (const metric of METRICS)
            await ranksLikeOracle(subject, { query, matrix, k: 4, metric }, `${where}, ${metric}`);
        }
      }
    },
  },
  {
    name: 'semantics: a vector counts as zero exactly when its squared norm is below 2^-126',
    async run(subject) {
      for (const dimensions of [1, 4, 16, 64]) {
        // A norm of 2^-63, the border, then half and twice of it.
        const border = 2 ** -63 / Math.sqrt(dimensions);
        const rows = [border * 4, border / 4, 2 ** -126, 2 ** -149, border * 2].map((element) =>
          new Float32Array(dimensions).fill(element),
        );
        const matrix = createMatrix(joined(rows), { dimensions });
        const ones = new Float32Array(dimensions).fill(1);
        const expected = Float32Array.of(1, 0, 0, 0, 1);
        const scores = await scoresLikeOracle(subject, { query: ones, matrix }, `tiny rows of ${dimensions}`);
        assertSameBits(scores.map(Math.round), expected, `tiny rows of ${dimensions}`);
        for (const [i, query] of rows.entries()) {
          const big = createMatrix(ones, { dimensions });
          const [score] = await scoresLikeOracle(subject, { query, matrix: big }, `tiny query ${i} of ${dimensions}`);
          assert.equal(Math.round(score), expected[i], `tiny query ${i} of ${dimensions}`);
        }
      }
    },
  },
  {
    name: "semantics: no operation changes the caller's floating-point mode, so subnormal numbers still exist",
    async run(subject) {
      const values = randomValues(64 * 16, 68);
      const matrix = createMatrix(values, { dimensions: 16 });
      const graph = graphFromEdges(2, [[0, 1, 1]]);
      await askScores(subject, { query: values.slice(0, 16), matrix });
      assertSubnormals('cosineSimilarity');
      await askRanking(subject, { query: values.slice(0, 16), matrix, k: 3 });
      assertSubnormals('topK');
      await askSpread(subject, { graph, activations: Float32Array.of(1, 1) });
      assertSubnormals('spreadActivation');
    },
  },
  {
    name: 'semantics: very large finite values have the right cosine, up to the largest float32',
    async run(subject) {
      for (const dimensions of DIMENSIONS) {
        const scales = [2 ** 50, 2 ** 63, 2 ** 64, 2 ** 100, 2 ** 125];
        const rows = scales.map((scale, i) => randomValues(dimensions, 70 + i).map((x) => clampToFinite(x * scale)));
        rows.push(new Float32Array(dimensions).fill(SPECIAL_ELEMENTS.largest));
        rows.push(new Float32Array(dimensions).fill(SPECIAL_ELEMENTS.negativeLargest));
        const matrix = createMatrix(joined(rows), { dimensions });
        for (const [i, query] of [randomValues(dimensions, 69), ...rows].entries()) {
          await scoresLikeOracle(subject, { query, matrix }, `query ${i} of ${dimensions}`);
          await ranksLikeOracle(subject, { query, matrix, k: 7 }, `query ${i} of ${dimensions}`);
        }
      }
    },
  },
  {
    name: 'semantics: an empty matrix or row range gives an empty output',
    async run(subject) {
      const query = randomValues(8, 80);
      const empty = createMatrix(new Float32Array(0), { dimensions: 8 });
      assert.equal((await askScores(subject, { query, matrix: empty })).length, 0);
      assert.equal((await askRanking(subject, { query, matrix: empty, k: 3 })).count, 0);
      const some = createMatrix(randomValues(5 * 8, 81), { dimensions: 8 });
      assert.equal((await askScores(subject, { query, matrix: some, start: 5, end: 5 })).length, 0);
      assert.equal((await askRanking(subject, { query, matrix: some, k: 3, start: 2, end: 2 })).count, 0);
    },
  },
  {
    name: 'semantics: k is clamped to the number of rows, and count is the clamped value',
    async run(subject) {
      const matrix = createMatrix(randomValues(5 * 4, 82), { dimensions: 4 });
      const query = randomValues(8, 83);
      const ranking = await askRanking(subject, { query, queries: 2, matrix, k: 50 });
      assert.equal(ranking.count, 5);
      assert.deepEqual([...ranking.indices.slice(0, 5)].sort(), [0, 1, 2, 3, 4], 'first query');
      assert.deepEqual([...ranking.indices.slice(5)].sort(), [0, 1, 2, 3, 4], 'second query');
      assert.equal((await askRanking(subject, { query, queries: 2, matrix, k: 50, start: 3 })).count, 2);
    },
  },
  {
    name: 'semantics: ties rank by lower index, under every metric, in every part of the matrix',
    async run(subject) {
      const dimensions = 6;
      const row = randomValues(dimensions, 84);
      const matrix = createMatrix(joined(Array.from({ length: 700 }, () => row)), { dimensions });
      const candidates = Uint32Array.from({ length: 600 }, (_, i) => 699 - i);
      for (const metric of METRICS) {
        for (const query of [row, randomValues(dimensions, 85), new Float32Array(dimensions)]) {
          for (const k of [1, 2, 10, 300]) {
            const best = await askRanking(subject, { query, matrix, k, metric });
            assert.deepEqual([...best.indices], [...Array(k).keys()], `${k} by ${metric}`);
            const part = await askRanking(subject, { query, matrix, k, metric, start: 333 });
            assert.deepEqual(
              [...part.indices],
              Array.from({ length: k }, (_, i) => 333 + i),
              `${k} by ${metric} from 333`,
            );
            const named = await askRanking(subject, { query, matrix, k, metric, candidates });
            assert.deepEqual(
              [...named.indices],
              Array.from({ length: k }, (_, i) => 100 + i),
              `${k} candidates by ${metric}`,
            );
          }
        }
      }
    },
  },
  {
    name: 'semantics: cosine and dot rank descending, the euclidean distance ascending',
    async run(subject) {
      const matrix = createMatrix(Float32Array.of(1, 0, 3, 0, -2, 0, 0, 5), { dimensions: 2 });
      const query = Float32Array.of(2, 0);
      const expected = { cosine: [0, 1, 3, 2], dot: [1, 0, 3, 2], euclidean: [0, 1, 2, 3] };
      const scores = { cosine: [1, 1, 0, -1], dot: [6, 2, 0, -4], euclidean: [1, 1, 4, Math.sqrt(29)] };
      for (const metric of METRICS) {
        const ranking = await askRanking(subject, { query, matrix, k: 4, metric });
        assert.deepEqual([...ranking.indices], expected[metric], metric);
        ranking.scores.forEach((score, i) => {
          assert.ok(Math.abs(score - scores[metric][i]) < 1e-6, `${metric} score ${i}: ${score}`);
        });
      }
    },
  },
  {
    name: 'semantics: cosine is within 2 * dimensions * 2^-24 of double precision, on hard and easy data',
    async run(subject) {
      for (const dimensions of DIMENSIONS) {
        const query = randomValues(dimensions, 86);
        // Terms of one sign, with the most rounding, and terms that cancel, with the greatest loss.
        const positive = randomValues(40 * dimensions, 87).map((x) => 1 + Math.abs(x));
        const cancelling = randomValues(40 * dimensions, 88).map((x, i) => (i % 2 === 0 ? 1e4 : -1e4) + x);
        for (const values of [positive, cancelling]) {
          const matrix = createMatrix(values, { dimensions });
          await scoresLikeOracle(subject, { query, matrix }, `${dimensions} dimensions`);
          await scoresLikeOracle(subject, { query: values.slice(0, dimensions), matrix }, `${dimensions} dimensions`);
        }
      }
    },
  },
  {
    name: 'semantics: a hop of spreading is retention * x + decay * (A * x)',
    async run(subject) {
      const graph = graphFromEdges(3, [
        [0, 1, 0.5],
        [2, 1, -4],
        [1, 1, 2],
      ]);
      const options = { graph, activations: Float32Array.of(8, 3, 1), decay: 0.5, retention: 2 };
      const activations = await spreadLikeOracle(subject, options, 'a hop');
      assertSameBits(activations, Float32Array.of(16, 9, 2), 'a hop');
    },
  },
  {
    name: 'semantics: the same input and options always give the same bits',
    async run(subject) {
      const dimensions = 100;
      const matrix = createMatrix(randomValues(4000 * dimensions, 89), { dimensions });
      const query = randomValues(3 * dimensions, 90);
      const first = await askScores(subject, { query, queries: 3, matrix });
      const best = await askRanking(subject, { query, queries: 3, matrix, k: 30, metric: 'dot' });
      for (let run = 0; run < 3; run++) {
        assertSameBits(await askScores(subject, { query, queries: 3, matrix }, run), first, `scores, run ${run}`);
        const again = await askRanking(subject, { query, queries: 3, matrix, k: 30, metric: 'dot' }, run);
        assert.deepEqual(again.indices, best.indices, `rows, run ${run}`);
        assertSameBits(again.scores, best.scores, `scores of the best, run ${run}`);
      }
    },
  },
];

function assertSubnormals(after: string): void {
  // Both factors are read from memory, so that the compiler cannot compute the result in advance.
  const [tiny, half] = new Float64Array([2 ** -1022, 0.5]);
  assert.equal(tiny * half * 2, tiny, `${after} left subnormal numbers flushed to zero`);
}

function clampToFinite(value: number): number {
  return Math.max(SPECIAL_ELEMENTS.negativeLargest, Math.min(SPECIAL_ELEMENTS.largest, value));
}
