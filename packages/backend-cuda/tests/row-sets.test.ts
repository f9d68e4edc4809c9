import {
  createMatrix,
  createTopKOutput,
  METRICS,
  prepareTopK,
  RowSet,
  unwrap,
  type Backend,
  type Companion,
  type TopKRequest,
  type VectorMatrix,
} from '@gearshift/contracts';
import { createRandom, randomValues } from '@gearshift/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createCudaBackend } from '../src/index.js';
import { lacksSimulator, simulator, simulatorOrSkipped } from './simulated-driver.js';

type Resident = Backend & Required<Pick<Backend, 'makeResident' | 'residency' | 'release'>>;

const DIMENSIONS = 24;
const ROWS = 2400;
const values = randomValues(ROWS * DIMENSIONS, 1);
// Scores that tie, and some that are NaN.
values.copyWithin(500 * DIMENSIONS, 0, 40 * DIMENSIONS);
for (const row of [3, 64, 65, 1111, 2399]) values[row * DIMENSIONS + 2] = NaN;
const queries = 9;
const query = randomValues(queries * DIMENSIONS, 2);

function setOf(share: number, seed = 3): RowSet {
  const random = createRandom(seed);
  return RowSet.fromPredicate(ROWS, () => random.integer(1000) < share * 1000);
}

describe.skipIf(simulator === null)(`row sets on a CUDA device${lacksSimulator}`, () => {
  const machine = simulatorOrSkipped();
  let backend: Resident;

  beforeEach(async () => {
    backend = unwrap(await createCudaBackend()) as Resident;
  });
  afterEach(async () => {
    await backend.close();
    expect(machine.get('undefined'), machine.message()).toBe(0);
    expect([machine.get('leaks'), machine.get('misuses'), machine.get('live_contexts')]).toEqual([0, 0, 0]);
  });

  const resident = async (companion?: Companion): Promise<VectorMatrix> => {
    const matrix = createMatrix(values, { dimensions: DIMENSIONS, companion });
    unwrap(await backend.makeResident(matrix));
    return matrix;
  };
  const rank = async (fields: Omit<TopKRequest, 'operation'>) => {
    const request = prepareTopK({ operation: 'top-k', ...fields });
    const output = createTopKOutput(request);
    unwrap(await backend.topK(request, output));
    return output;
  };
  const uploadedBy = async (work: () => Promise<unknown>) => {
    const before = machine.get('uploaded_bytes');
    await work();
    return machine.get('uploaded_bytes') - before;
  };

  const ranges = [
    { start: 0, end: ROWS },
    { start: 32, end: ROWS - 32 },
    { start: 37, end: 2043 },
    { start: 1099, end: 1110 },
  ];

  test.for([undefined, 'float16', 'int8'] as const)(
    'ranks the rows of a set like a list of them, bit for bit (companion: %s)',
    { timeout: 120_000 },
    async (companion) => {
      const matrix = await resident(companion);
      for (const share of [0.97, 0.5, 0.1, 0.02]) {
        const where = setOf(share);
        for (const { start, end } of ranges) {
          const candidates = Uint32Array.from(where).filter((row) => row >= start && row < end);
          for (const metric of METRICS) {
            for (const [count, k] of [
              [1, 7],
              [1, 300],
              [3, 20],
              [queries, 5],
            ] as const) {
              const fields = {
                query: query.subarray(0, count * DIMENSIONS),
                queries: count,
                matrix,
                k,
                metric,
                start,
                end,
              };
              const output = await rank({ ...fields, where });
              const context = `${share * 100} % of [${start}, ${end}), ${metric}, ${count} queries, k ${k}`;
              expect(output, context).toEqual(await rank({ ...fields, candidates }));
            }
          }
        }
      }
    },
  );

  test.for(ranges)('scores the rows of a set in [$start, $end) like all rows, and others as NaN', async (range) => {
    const matrix = await resident();
    const { start, end } = range;
    for (const isResident of [true, false]) {
      if (!isResident) backend.release(matrix);
      for (const count of [1, queries]) {
        const request = {
          operation: 'cosine-similarity',
          query: query.subarray(0, count * DIMENSIONS),
          queries: count,
        } as const;
        const all = new Float32Array(count * (end - start));
        unwrap(await backend.cosineSimilarity({ ...request, matrix, ...range }, all));
        for (const share of [0.97, 0.5, 0.02, 0]) {
          const where = setOf(share);
          const output = new Float32Array(all.length).fill(7);
          unwrap(await backend.cosineSimilarity({ ...request, matrix, ...range, where }, output));
          expect(output).toEqual(all.map((score, i) => (where.has(start + (i % (end - start))) ? score : NaN)));
        }
      }
    }
  });

  test('a large set goes to the device as one bit for each row of the range, and a small one as a list', async () => {
    const matrix = await resident();
    const one = query.subarray(0, DIMENSIONS);
    const queryBytes = one.byteLength + 4;
    const ask = (where: RowSet, range = {}) => uploadedBy(() => rank({ query: one, matrix, k: 3, where, ...range }));
    expect(await ask(setOf(0.5))).toBe(queryBytes + (ROWS / 32) * 4);
    expect(await ask(setOf(0.5), { start: 63, end: 65 + 32 })).toBe(queryBytes + 3 * 4);
    const few = RowSet.fromRows([5, 77, 1000], ROWS);
    expect(await ask(few)).toBe(queryBytes + 3 * 4);
    const output = new Float32Array(ROWS);
    const request = { operation: 'cosine-similarity', query: one, matrix, where: few } as const;
    expect(await uploadedBy(() => backend.cosineSimilarity(request, output))).toBe(queryBytes + (ROWS / 32) * 4);
  });

  test('many scores are not made on the thread of the caller, however few rows are in the set', async () => {
    const rows = 2 ** 16;
    const matrix = createMatrix(new Float32Array(rows).fill(1), { dimensions: 1 });
    unwrap(await backend.makeResident(matrix));
    const request = { operation: 'cosine-similarity', matrix, where: RowSet.fromRows([rows - 1], rows) } as const;
    const ask = async (queries: number) => {
      const output = new Float32Array(queries * rows).fill(7);
      const answer = backend.cosineSimilarity(
        { ...request, query: new Float32Array(queries).fill(1), queries },
        output,
      );
      const isMadeAtOnce = output[0] !== 7;
      unwrap(await answer);
      expect([output[0], output.at(-1)]).toEqual([NaN, 1]);
      return isMadeAtOnce;
    };
    expect(await ask(1)).toBe(true);
    // 16 MiB of scores and a little more.
    expect(await ask(65)).toBe(false);
  });

  test('rows that were removed are left out of the ranking of a resident matrix', async () => {
    const matrix = { ...(await resident()), removed: setOf(0.4, 5) };
    const { indices } = await rank({ query: query.subarray(0, DIMENSIONS), matrix, k: ROWS });
    expect([...indices].toSorted((a, b) => a - b)).toEqual([...matrix.removed.not()]);
  });
});
