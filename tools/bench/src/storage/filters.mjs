import { createExecutor, RowSet } from 'gearshift';
import { interleave, medianRatio } from '../interleave.mjs';
import { randomValues } from './random-values.mjs';

const SHARES = [1, 0.5, 0.1, 0.01];

/** Requests on random rows, as a share of the time of one on all rows. */
export async function measureFilters({ rows, dimensions, rounds, turnMs }) {
  const executor = await createExecutor({ backends: ['cpu'] });
  const values = randomValues(rows * dimensions);
  const query = values.slice(0, dimensions);
  const matrix = await executor.matrix(values, { dimensions, companion: 'none' });
  const draws = randomValues(rows, 3);
  const contestants = SHARES.map((share) => {
    const where = RowSet.fromPredicate(rows, (row) => draws[row] + 0.5 < share);
    return { name: String(share), run: () => executor.topK(query, matrix, { k: 10, where }) };
  });
  const [full, ...filtered] = await interleave(
    [{ name: 'all', run: () => executor.topK(query, matrix, { k: 10 }) }, ...contestants],
    { rounds, turnMs },
  );
  await matrix[Symbol.asyncDispose]();
  await executor.close();
  return filtered.map((timing, i) => ({ share: SHARES[i], ratio: medianRatio(timing, full) }));
}
