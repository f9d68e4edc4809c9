import {
  createMatrix,
  DTYPES,
  METRICS,
  RowSet,
  type Dtype,
  type Elements,
  type VectorMatrix,
} from '@gearshift/contracts';
import { randomValues } from '../random/random-vectors.js';
import { createRandom, type SeededRandom } from '../random/seeded-random.js';
import { ranksLikeOracle, scoresLikeOracle } from './against-oracle.js';
import type { ContractCheck, Subject } from './contract-check.js';

type NarrowDtype = Exclude<Dtype, 'float32'>;

/** Infinities, NaN, signed zeros, the smallest subnormal number and the largest one; for int8 its limits. */
const SPECIAL: Readonly<Record<NarrowDtype, readonly number[]>> = {
  float16: [0x7c00, 0xfc00, 0x7e00, 0xffff, 0x0000, 0x8000, 0x0001, 0x83ff, 0x7bff],
  bfloat16: [0x7f80, 0xff80, 0x7fc0, 0xffff, 0x0000, 0x8000, 0x0001, 0x807f, 0x7f7f],
  int8: [-128, 127, -127, 0, 1, -1],
};

/** Rows of every bit pattern of moderate size. */
function narrowMatrix(dtype: NarrowDtype, rows: number, dimensions: number, random: SeededRandom, isShared = false) {
  const values = allocate(dtype, rows * dimensions, isShared);
  for (let i = 0; i < values.length; i++) values[i] = elementOf(dtype, random);
  return createMatrix(values, { dimensions, dtype, ...(dtype === 'int8' ? { scale: 0.013 } : {}) });
}

function allocate(dtype: NarrowDtype, length: number, isShared: boolean): Elements {
  const bytes = length * (dtype === 'int8' ? 1 : 2);
  const buffer = isShared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes);
  return dtype === 'int8' ? new Int8Array(buffer) : new Uint16Array(buffer);
}

function elementOf(dtype: NarrowDtype, random: SeededRandom): number {
  if (dtype === 'int8') return random.integer(255) - 127;
  const sign = random.integer(2) << 15;
  // Exponents from 2^-6 to 2^1.
  const exponent = (dtype === 'float16' ? 9 : 121) + random.integer(8);
  return dtype === 'float16'
    ? sign | (exponent << 10) | random.integer(1024)
    : sign | (exponent << 7) | random.integer(128);
}

/** A check for each type besides float32. */
function checksOf(
  what: string,
  run: (subject: Subject, dtype: NarrowDtype, random: SeededRandom) => Promise<void>,
): ContractCheck[] {
  return DTYPES.filter((dtype) => dtype !== 'float32').map((dtype, i) => ({
    name: `${dtype}: ${what}`,
    skipReason: ({ backend }) =>
      backend.dtypes?.includes(dtype) === true ? undefined : `the backend does not read ${dtype}`,
    run: (subject) => run(subject, dtype, createRandom(500 + i)),
  }));
}

async function ranksAndScores(subject: Subject, matrix: VectorMatrix, query: Float32Array, context: string) {
  await scoresLikeOracle(subject, { query, matrix }, context);
  for (const metric of METRICS)
    await ranksLikeOracle(subject, { query, matrix, k: 5, metric }, `${context}, ${metric}`);
}

export const elementChecks: readonly ContractCheck[] = [
  ...checksOf(
    'scores and ranks like the values of its elements, at the boundaries of dimensions and rows',
    async (subject, dtype, random) => {
      for (const dimensions of [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 768, 769]) {
        for (const rows of [1, 4, 17]) {
          for (const isShared of [false, true]) {
            const matrix = narrowMatrix(dtype, rows, dimensions, random, isShared);
            const context = `${rows} rows of ${dimensions}${isShared ? ', shared' : ''}`;
            await ranksAndScores(subject, matrix, randomValues(dimensions, rows + dimensions), context);
          }
        }
      }
    },
  ),
  ...checksOf('scores and ranks rows that begin on any element, and special ones', async (subject, dtype, random) => {
    for (const dimensions of [5, 16, 33]) {
      for (const offset of [1, 2, 3]) {
        const roomy = narrowMatrix(dtype, 1, 20 * dimensions + offset, random).values;
        for (const element of SPECIAL[dtype]) roomy[offset + random.integer(20 * dimensions)] = element;
        const values = roomy.subarray(offset);
        const matrix = createMatrix(values, { dimensions, dtype, ...(dtype === 'int8' ? { scale: 3 } : {}) });
        await ranksAndScores(subject, matrix, randomValues(dimensions, offset), `offset ${offset}, ${dimensions}`);
      }
    }
  }),
  ...checksOf('answers several queries, ranges, candidates and filters', async (subject, dtype, random) => {
    const dimensions = 48;
    const matrix = narrowMatrix(dtype, 400, dimensions, random);
    const queries = 3;
    const query = randomValues(queries * dimensions, 510);
    const where = RowSet.fromPredicate(400, (row) => row % 3 !== 0);
    const candidates = Uint32Array.from({ length: 50 }, (_, i) => 399 - 7 * i);
    await scoresLikeOracle(subject, { query, queries, matrix, start: 7, end: 391, where }, 'range and filter');
    for (const metric of METRICS) {
      await ranksLikeOracle(subject, { query, queries, matrix, k: 20, metric, where, start: 33 }, `filter, ${metric}`);
      await ranksLikeOracle(subject, { query, queries, matrix, k: 20, metric, candidates }, `candidates, ${metric}`);
    }
  }),
  ...checksOf('is correct for a matrix large enough for several threads', async (subject, dtype, random) => {
    const dimensions = 128;
    const matrix = narrowMatrix(dtype, 20_000, dimensions, random, true);
    await ranksLikeOracle(subject, { query: randomValues(dimensions, 511), matrix, k: 10, metric: 'dot' }, 'large');
  }),
];
