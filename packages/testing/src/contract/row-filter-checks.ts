import assert from 'node:assert/strict';
import { createMatrix, METRICS, type RowSetLike, type VectorMatrix } from '@gearshift/contracts';
import { randomValues } from '../random/random-vectors.js';
import { createRandom } from '../random/seeded-random.js';
import { ranksLikeOracle, scoresLikeOracle } from './against-oracle.js';
import { askRanking, askScores, type RankOptions, type ScoreOptions } from './ask.js';
import { assertSameBits, assertSucceeded } from './assertions.js';
import type { ContractCheck, Subject } from './contract-check.js';
import { joined } from './operands.js';

export const rowFilterChecks: readonly ContractCheck[] = [
  filterCheck('where: ranks exactly the rows of a set, of any density and pattern', async (subject) => {
    for (const rows of [1, 32, 33, 300, 700]) {
      for (const dimensions of [5, 40]) {
        const matrix = createMatrix(randomValues(rows * dimensions, rows), { dimensions });
        const query = randomValues(dimensions, 400);
        for (const [name, chosen] of patternsOf(rows)) {
          for (const [i, k] of [1, 10, rows].entries()) {
            const options = { query, matrix, k, metric: METRICS[(i + rows) % METRICS.length] };
            await ranksRows(subject, options, chosen, `${k} of ${name} of ${rows} rows of ${dimensions}`);
          }
        }
      }
    }
  }),
  filterCheck('where: ranks the rows of a set in a matrix large enough for several threads', async (subject) => {
    const [rows, dimensions] = [20_000, 96];
    const matrix = createMatrix(randomValues(rows * dimensions, 401), { dimensions });
    const query = randomValues(3 * dimensions, 402);
    for (const [name, chosen] of fewPatternsOf(rows)) {
      await ranksRows(subject, { query: query.slice(0, dimensions), matrix, k: 100 }, chosen, name);
      await ranksRows(subject, { query, queries: 3, matrix, k: 20, metric: 'dot' }, chosen, `${name}, three queries`);
    }
  }),
  filterCheck(
    'where: ranks the rows of a set that are in the range, and among them ties by lower index',
    async (subject) => {
      const dimensions = 12;
      const row = randomValues(dimensions, 403);
      const some = randomValues(150 * dimensions, 404);
      const matrix = createMatrix(joined([some, ...Array.from({ length: 150 }, () => row)]), { dimensions });
      for (const [name, chosen] of patternsOf(300)) {
        for (const [start, end] of [
          [0, 300],
          [1, 299],
          [31, 33],
          [32, 64],
          [140, 290],
          [299, 300],
          [50, 50],
        ]) {
          const options = { query: row, matrix, k: 12, start, end };
          await ranksRows(subject, options, chosen, `${name} in [${start}, ${end})`);
        }
      }
      const { indices } = await askRanking(subject, {
        query: row,
        matrix,
        k: 3,
        where: setOf([299, 160, 4, 170, 280], 300),
      });
      assert.deepEqual([...indices], [160, 170, 280], 'equal rows of the set: lower index first');
    },
  ),
  filterCheck('where: ranks NaN rows of the set last, and none of the other rows', async (subject) => {
    const dimensions = 7;
    const values = randomValues(100 * dimensions, 405);
    for (const row of [0, 33, 64, 99]) values[row * dimensions] = NaN;
    const matrix = createMatrix(values, { dimensions });
    const query = randomValues(dimensions, 406);
    for (const metric of METRICS) {
      const options = { query, matrix, k: 50, metric };
      const where = setOf([99, 0, 40, 41, 63], 100);
      const { indices, scores } = await askRanking(subject, { ...options, where });
      assert.deepEqual([...indices.slice(3)], [0, 99], `${metric}: NaN rows`);
      assert.ok(scores.slice(3).every(Number.isNaN), `${metric}: their scores`);
      await ranksRows(subject, { ...options, query: query.map(() => NaN) }, [3, 50, 99], `${metric}: a query of NaN`);
    }
  }),
  filterCheck(
    'where: takes plain data, sets that are shorter than the matrix and shared memory, and ignores bits past them',
    async (subject) => {
      const dimensions = 9;
      const matrix = createMatrix(randomValues(100 * dimensions, 407), { dimensions });
      const query = randomValues(dimensions, 408);
      const shared = new Uint32Array(new SharedArrayBuffer(16));
      shared.set(setOf([7, 70], 100).words);
      const sets: readonly [RowSetLike, number[]][] = [
        [{ rowCount: 100, words: shared }, [7, 70]],
        [{ rowCount: 35, words: Uint32Array.of(1 << 5, 0xffff_ffff) }, [5, 32, 33, 34]],
        [{ rowCount: 100, words: Uint32Array.of(0, 0, 0, 0xffff_fff8) }, [99]],
        [{ rowCount: 0, words: new Uint32Array(0) }, []],
      ];
      for (const [where, rows] of sets) {
        const { indices } = await askRanking(subject, { query, matrix, k: 100, where });
        assert.deepEqual(
          [...indices].sort((a, b) => a - b),
          rows,
          `rows of a set of ${where.rowCount}`,
        );
        const scores = await askScores(subject, { query, matrix, where });
        const scored = [...scores.keys()].filter((row) => !Number.isNaN(scores[row]));
        assert.deepEqual(scored, rows, `scored rows of a set of ${where.rowCount}`);
      }
    },
  ),
  filterCheck('where: considers only the candidates that are in the set', async (subject) => {
    const dimensions = 16;
    const matrix = createMatrix(randomValues(200 * dimensions, 409), { dimensions });
    const query = randomValues(dimensions, 410);
    const candidates = Uint32Array.of(199, 3, 64, 65, 0, 31, 32, 150);
    for (const [name, chosen] of patternsOf(200)) {
      const both = [...candidates].filter((row) => chosen.includes(row));
      for (const k of [2, 50]) {
        const options = { query, matrix, k, candidates };
        const ranking = await askRanking(subject, { ...options, where: setOf(chosen, 200) });
        const expected = await askRanking(subject, { ...options, candidates: Uint32Array.from(both) });
        assertSameRanking(ranking, expected, `${k} candidates of ${name}`);
      }
    }
  }),
  filterCheck(
    'where: rows outside of the set score NaN, and the others as without a set, bit for bit',
    async (subject) => {
      for (const [rows, dimensions] of [
        [1, 3],
        [33, 16],
        [300, 50],
        [20_000, 33],
      ]) {
        const matrix = createMatrix(randomValues(rows * dimensions, 411), { dimensions });
        const query = randomValues(2 * dimensions, 412);
        for (const [name, chosen] of rows > 1000 ? fewPatternsOf(rows) : patternsOf(rows)) {
          await scoresRows(subject, { query, queries: 2, matrix }, chosen, `${name} of ${rows}`);
          const start = Math.floor(rows / 3);
          await scoresRows(
            subject,
            { query, queries: 2, matrix, start, end: rows - 1 + (rows % 2) },
            chosen,
            `${name} of a range`,
          );
        }
      }
    },
  ),
  filterCheck(
    'where: is read at the call, so a change of the set while a request is under way does not affect it',
    async (subject) => {
      const { backend } = subject;
      const [rows, dimensions] = [20_000, 64];
      const matrix = createMatrix(randomValues(rows * dimensions, 413), { dimensions });
      const query = randomValues(4 * dimensions, 414);
      const chosen = patternsOf(rows).get('a tenth') ?? [];
      const expected = await askRanking(subject, { query, queries: 4, matrix, k: 10, where: setOf(chosen, rows) });
      const where = setOf(chosen, rows);
      const ranking = { indices: new Uint32Array(40), scores: new Float32Array(40), count: 0 };
      const scores = new Float32Array(4 * rows);
      const answers = [
        backend.topK({ operation: 'top-k', query, queries: 4, matrix, k: 10, where }, ranking),
        backend.cosineSimilarity({ operation: 'cosine-similarity', query, queries: 4, matrix, where }, scores),
      ];
      where.words.fill(0xffff_ffff);
      for (const answer of answers) assertSucceeded(await answer, 'a set that changed');
      assertSameRanking(ranking, expected, 'a set that changed');
      const scored = scores.filter((score) => !Number.isNaN(score)).length;
      assert.equal(scored, 4 * chosen.length, 'scored rows of a set that changed');
    },
  ),
  filterCheck(
    'removed rows: are in no ranking and score NaN, whatever where and the candidates say',
    async (subject) => {
      const dimensions = 20;
      const plain = createMatrix(randomValues(500 * dimensions, 415), { dimensions });
      const query = randomValues(2 * dimensions, 416);
      for (const [name, gone] of patternsOf(500)) {
        const matrix: VectorMatrix = { ...plain, removed: setOf(gone, 500) };
        const left = [...Array(500).keys()].filter((row) => !gone.includes(row));
        const all = { query, queries: 2, matrix: plain, k: 30 };
        const context = `${name} removed`;
        const ranking = await askRanking(subject, { ...all, matrix });
        const expected = await askRanking(subject, { ...all, candidates: Uint32Array.from(left) });
        assertSameRanking(ranking, expected, context);
        await ranksLikeOracle(subject, { ...all, matrix, where: setOf(left.slice(3), 500) }, `${context}, with where`);
        await ranksLikeOracle(
          subject,
          { ...all, matrix, candidates: Uint32Array.of(0, 499, 250, 31) },
          `${context}, candidates`,
        );
        const scores = await scoresLikeOracle(subject, { query, queries: 2, matrix, end: 400 }, context);
        assert.equal(
          scores.filter((score) => !Number.isNaN(score)).length,
          2 * left.filter((row) => row < 400).length,
          context,
        );
      }
      const removed = { rowCount: 3, words: Uint32Array.of(0b101) };
      const { indices } = await askRanking(subject, { query, queries: 2, matrix: { ...plain, removed }, k: 1, end: 3 });
      assert.deepEqual([...indices], [1, 1], 'the only row that is left');
    },
  ),
];

/** A check of a backend that leaves out rows; others answer 'unsupported' to such requests. */
function filterCheck(name: string, run: (subject: Subject) => Promise<void>): ContractCheck {
  return {
    name,
    skipReason({ backend }) {
      const matrix = createMatrix(Float32Array.of(1, 2), { dimensions: 1 });
      const where = setOf([1], 2);
      const supported = backend.supports({ operation: 'top-k', query: Float32Array.of(1), matrix, k: 1, where });
      return supported === true ? undefined : supported.reason;
    },
    run,
  };
}

/** Sets of rows by name: of every density, in runs and scattered, at the ends. */
function patternsOf(rows: number): ReadonlyMap<string, readonly number[]> {
  const random = createRandom(rows);
  const all = [...Array(rows).keys()];
  const share = (part: number) => all.filter(() => random.integer(1000) < part * 1000);
  return new Map([
    ['no rows', []],
    ['all rows', all],
    ['all rows but one', all.filter((row) => row !== Math.floor(rows / 2))],
    ['the first row', [0]],
    ['the last row', [rows - 1]],
    ['every other row', all.filter((row) => row % 2 === 1)],
    ['whole words', all.filter((row) => Math.floor(row / 32) % 3 === 1)],
    ['runs of five', all.filter((row) => Math.floor(row / 5) % 4 === 0)],
    ['a half', share(0.5)],
    ['a tenth', share(0.1)],
    ['a hundredth', share(0.01)],
  ]);
}

/** The same for large matrices, because the oracle is slow. */
function fewPatternsOf(rows: number): ReadonlyMap<string, readonly number[]> {
  const patterns = patternsOf(rows);
  return new Map(['whole words', 'a half', 'a hundredth'].map((name) => [name, patterns.get(name) ?? []]));
}

function setOf(rows: Iterable<number>, rowCount: number): RowSetLike {
  const words = new Uint32Array(Math.ceil(rowCount / 32));
  for (const row of rows) words[Math.floor(row / 32)] += 2 ** (row % 32);
  return { rowCount, words };
}

/** A set gives the ranking that its rows give as candidates, bit for bit, and that of the oracle. */
async function ranksRows(
  subject: Subject,
  options: RankOptions,
  chosen: readonly number[],
  context: string,
): Promise<void> {
  const { matrix, start = 0, end = matrix.rows } = options;
  const where = setOf(chosen, matrix.rows);
  const candidates = Uint32Array.from(chosen.filter((row) => row >= start && row < end));
  const ranking = await askRanking(subject, { ...options, where });
  assertSameRanking(ranking, await askRanking(subject, { ...options, candidates }), context);
  await ranksLikeOracle(subject, { ...options, where }, context);
}

async function scoresRows(
  subject: Subject,
  options: ScoreOptions,
  chosen: readonly number[],
  context: string,
): Promise<void> {
  const { matrix, start = 0, end = matrix.rows } = options;
  const scores = await scoresLikeOracle(subject, { ...options, where: setOf(chosen, matrix.rows) }, context);
  const inside = new Set(chosen);
  const expected = await askScores(subject, options);
  expected.forEach((_, place) => {
    if (!inside.has(start + (place % (end - start)))) expected[place] = NaN;
  });
  assertSameBits(scores, expected, context);
}

interface Entries {
  readonly indices: Uint32Array;
  readonly scores: Float32Array;
  readonly count: number;
}

function assertSameRanking(actual: Entries, expected: Entries, context: string): void {
  assert.equal(actual.count, expected.count, `${context}: entries per query`);
  assert.deepEqual([...actual.indices], [...expected.indices], `${context}: rows`);
  assertSameBits(actual.scores, expected.scores, `${context}: scores`);
}
