import assert from 'node:assert/strict';
import { createMatrix, markChanged, METRICS, RowSet, type Metric, type VectorMatrix } from '@gearshift/contracts';
import { clusteredValues, randomValues } from '../random/random-vectors.js';
import { ranksLikeOracle } from './against-oracle.js';
import { askRanking, type RankOptions } from './ask.js';
import { assertSucceeded } from './assertions.js';
import type { ContractCheck, Subject } from './contract-check.js';
import { onShared } from './operands.js';

/** A little more than 8 MiB: of fewer rows, the CPU makes no codes. */
const ROWS = 16_500;
const DIMENSIONS = 128;
const K = 10;

export const companionChecks: readonly ContractCheck[] = [
  {
    name: 'companions: a large matrix with codes is ranked by every metric, with a row set, removed rows and changed ones',
    async run(subject) {
      const values = onShared(
        clusteredValues({ rows: ROWS, dimensions: DIMENSIONS, clusters: 40, deviation: 0.2, seed: 350 }),
      );
      const matrix = createMatrix(values, { dimensions: DIMENSIONS, companion: 'codes' });
      const query = values.slice(70 * DIMENSIONS, 71 * DIMENSIONS);
      const where = RowSet.fromPredicate(ROWS, (row) => row % 3 !== 0);
      await makeResident(subject, matrix);
      for (const metric of METRICS) {
        const [best] = (await askRanking(subject, { query, matrix, k: 1, metric })).indices;
        const options = { query, matrix: { ...matrix, removed: RowSet.fromRows([best], ROWS) }, k: K, metric, where };
        const isConsidered = (row: number) => where.has(row) && row !== best;
        await ranksLikeBest(subject, options, isConsidered, `${metric}, filtered`);
      }
      // Rows from all over the matrix become the best and the worst.
      for (let row = 11; row < ROWS; row += 2500) {
        const sign = row % 2 === 0 ? -1 : 1;
        const noise = randomValues(DIMENSIONS, row);
        values.set(
          query.map((value, i) => sign * value + 0.01 * noise[i]),
          row * DIMENSIONS,
        );
        markChanged(matrix, { start: row, end: row + 1 });
      }
      await makeResident(subject, matrix);
      for (const metric of METRICS) {
        await ranksLikeBest(subject, { query, matrix, k: K, metric }, () => true, `${metric}, changed`);
      }
    },
  },
];

/** With codes, if the backend makes any of such rows. */
async function makeResident({ backend }: Subject, matrix: VectorMatrix): Promise<void> {
  if (backend.makeResident !== undefined) assertSucceeded(await backend.makeResident(matrix), 'makeResident');
  const status = backend.describeCompanion?.(matrix).status ?? 'none';
  assert.ok(status === 'ready' || status === 'none', `the codes of a resident matrix are ${status}`);
}

/** The oracle looks only at the rows that plain sums in double precision rank first, because it takes long for many rows. */
async function ranksLikeBest(
  subject: Subject,
  options: RankOptions & { readonly metric: Metric },
  isConsidered: (row: number) => boolean,
  context: string,
): Promise<void> {
  const { matrix, query, k, metric } = options;
  const merits = Float64Array.from({ length: matrix.rows }, (_, row) => meritOf(matrix, row, query, metric));
  const rows = Array.from(merits.keys())
    .filter(isConsidered)
    .sort((a, b) => merits[b] - merits[a]);
  await ranksLikeOracle(subject, options, context, 1, Uint32Array.from(rows.slice(0, 4 * k)));
}

/** Larger is better. */
function meritOf({ values, dimensions }: VectorMatrix, row: number, query: Float32Array, metric: Metric): number {
  let dot = 0;
  let square = 0;
  let distance = 0;
  for (let i = 0; i < dimensions; i++) {
    const value = values[row * dimensions + i];
    dot += value * query[i];
    square += value * value;
    distance += (value - query[i]) ** 2;
  }
  if (metric === 'euclidean') return -distance;
  return metric === 'dot' ? dot : dot / Math.sqrt(square);
}
