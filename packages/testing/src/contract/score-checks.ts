import { createMatrix } from '@gearshift/contracts';
import { clusteredValues, randomValues } from '../random/random-vectors.js';
import { createRandom } from '../random/seeded-random.js';
import { specialRows } from '../special-values.js';
import { scoresLikeOracle } from './against-oracle.js';
import { askScores } from './ask.js';
import { assertSameBits } from './assertions.js';
import type { ContractCheck } from './contract-check.js';
import { joined, onOffset, onShared, strewn } from './operands.js';

/** Around the widths of registers, unrolled loops and blocks, and the sizes of real embeddings. */
export const EDGE_LENGTHS = [1, 15, 16, 17, 63, 64, 65, 767, 768, 769, 1536] as const;

export const scoreChecks: readonly ContractCheck[] = [
  {
    name: 'cosine similarity: is correct at the boundaries of dimensions and rows',
    async run(subject) {
      for (const dimensions of EDGE_LENGTHS) {
        const query = randomValues(dimensions, dimensions);
        for (const rows of [0, 1, 2, 3, 4, 5, 17]) {
          const matrix = createMatrix(randomValues(rows * dimensions, rows + 100), { dimensions });
          await scoresLikeOracle(subject, { query, matrix }, `${rows} rows of ${dimensions}`);
        }
      }
      for (const rows of EDGE_LENGTHS) {
        const matrix = createMatrix(randomValues(rows * 5, rows), { dimensions: 5 });
        await scoresLikeOracle(subject, { query: randomValues(5, 1), matrix }, `${rows} rows of 5`);
      }
    },
  },
  {
    name: 'cosine similarity: is correct for unaligned operands and outputs',
    async run(subject) {
      for (const dimensions of [3, 16, 65]) {
        for (const offset of [1, 2, 3]) {
          const matrix = createMatrix(onOffset(randomValues(19 * dimensions, 7), offset), { dimensions });
          const query = onOffset(randomValues(dimensions, 8), (offset + 1) % 4);
          await scoresLikeOracle(subject, { query, matrix }, `offset ${offset}, ${dimensions} dimensions`, offset - 1);
        }
      }
    },
  },
  {
    name: 'cosine similarity: is correct for operands in shared memory',
    async run(subject) {
      const matrix = createMatrix(onShared(randomValues(300 * 33, 9)), { dimensions: 33 });
      await scoresLikeOracle(subject, { query: onShared(randomValues(33, 10)), matrix }, 'shared');
    },
  },
  {
    name: 'cosine similarity: is correct for clustered rows and for a matrix large enough for several threads',
    async run(subject) {
      const dimensions = 128;
      const values = clusteredValues({ rows: 20_000, dimensions, clusters: 16, seed: 11 });
      const matrix = createMatrix(values, { dimensions });
      await scoresLikeOracle(subject, { query: values.slice(0, dimensions), matrix }, 'clustered');
    },
  },
  {
    name: 'cosine similarity: is correct for rows of special values',
    async run(subject) {
      for (const dimensions of [1, 7, 16, 100]) {
        const matrix = createMatrix(specialRows(dimensions), { dimensions });
        const query = randomValues(dimensions, 12);
        await scoresLikeOracle(subject, { query, matrix }, `special rows of ${dimensions}`);
        for (let row = 0; row < matrix.rows; row++) {
          const special = matrix.values.slice(row * dimensions, (row + 1) * dimensions);
          await scoresLikeOracle(
            subject,
            { query: special, matrix },
            `special row ${row} of ${dimensions} as the query`,
          );
        }
      }
    },
  },
  {
    name: 'cosine similarity: is correct for random shapes with scattered special values',
    async run(subject) {
      for (let seed = 0; seed < 40; seed++) {
        const random = createRandom(seed);
        const dimensions = 1 + random.integer(600);
        const rows = 1 + random.integer(40);
        const matrix = createMatrix(strewn(randomValues(rows * dimensions, seed), random), { dimensions });
        const queries = 1 + random.integer(3);
        const query = randomValues(queries * dimensions, seed + 1000);
        const start = random.integer(rows);
        const context = `seed ${seed}: ${rows} rows of ${dimensions}`;
        await scoresLikeOracle(subject, { query, queries, matrix, start }, context, random.integer(4));
        await scoresLikeOracle(subject, { query: strewn(query, random), queries, matrix }, `${context}, special query`);
      }
    },
  },
  {
    name: 'cosine similarity: joined row ranges equal the whole, bit for bit',
    async run(subject) {
      const dimensions = 37;
      const matrix = createMatrix(randomValues(103 * dimensions, 13), { dimensions });
      const query = randomValues(dimensions, 14);
      const whole = await scoresLikeOracle(subject, { query, matrix }, 'whole');
      for (const cuts of [
        [0, 1, 2, 3, 103],
        [0, 51, 103],
        [0, 4, 9, 9, 77, 102, 103],
      ]) {
        const parts: Float32Array[] = [];
        for (let i = 1; i < cuts.length; i++) {
          parts.push(await askScores(subject, { query, matrix, start: cuts[i - 1], end: cuts[i] }));
        }
        assertSameBits(joined(parts), whole, `ranges cut at ${cuts.join(', ')}`);
      }
    },
  },
  {
    name: 'cosine similarity: several queries give the same as each query alone, bit for bit',
    async run(subject) {
      const dimensions = 48;
      const matrix = createMatrix(randomValues(29 * dimensions, 15), { dimensions });
      for (const queries of [2, 3, 4, 5, 8, 9, 17]) {
        const query = randomValues(queries * dimensions, queries);
        const together = await scoresLikeOracle(subject, { query, queries, matrix, start: 3 }, `${queries} queries`);
        const alone: Float32Array[] = [];
        for (let q = 0; q < queries; q++) {
          const one = query.subarray(q * dimensions, (q + 1) * dimensions);
          alone.push(await askScores(subject, { query: one, matrix, start: 3 }));
        }
        assertSameBits(together, joined(alone), `${queries} queries`);
      }
    },
  },
];
