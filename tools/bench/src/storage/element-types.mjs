import { createExecutor } from 'gearshift';
import { interleave, medianRatio } from '../interleave.mjs';
import { randomValues } from './random-values.mjs';

const DTYPES = ['float32', 'float16', 'bfloat16', 'int8'];

/** The memory of the rows of each element type, and the time of a top-k on them, as shares of those of float32; on one thread. */
export async function measureElementTypes({ rows, dimensions, rounds, turnMs }) {
  const executor = await createExecutor({ backends: ['cpu'], threads: 1 });
  const values = randomValues(rows * dimensions);
  const query = values.slice(0, dimensions);
  const matrices = [];
  for (const dtype of DTYPES) matrices.push(await executor.matrix(values, { dimensions, dtype, companion: 'none' }));
  const timings = await interleave(
    matrices.map((matrix, i) => ({ name: DTYPES[i], run: () => executor.topK(query, matrix, { k: 10 }) })),
    { rounds, turnMs },
  );
  await executor.close();
  return DTYPES.map((dtype, i) => ({
    dtype,
    memory: matrices[i].values.byteLength / matrices[0].values.byteLength,
    time: medianRatio(timings[i], timings[0]),
  }));
}
