import { createExecutor } from 'gearshift';
import { median } from '../interleave.mjs';
import { readFloats } from './read-rows.mjs';

const APPENDED_ROWS = 1000;

/**
 * P14: how long it takes to make codes, on one thread, and to append rows to a matrix with codes, against copying these rows into memory
 * that no code has touched yet.
 */
export async function measureCodes({ file, rows, dimensions, rounds }) {
  const executor = await createExecutor({ backends: ['cpu'], threads: 1 });
  const values = readFloats(file, 0, rows * dimensions);
  const query = values.slice(0, dimensions);
  const added = values.slice(0, APPENDED_ROWS * dimensions);

  const buildMs = [];
  for (let round = 0; round < Math.max(3, rounds / 3); round++) {
    const times = [];
    for (const companion of ['none', 'codes']) {
      const ask = (matrix) => executor.topK(query, matrix, { k: 10 });
      let matrix;
      // Whether they are made with the matrix or before the first ranking. The second ranking does what the first does besides.
      const first = await timed(async () => {
        matrix = await executor.matrix(values, { dimensions, companion });
        await ask(matrix);
      });
      times.push(first - (await timed(() => ask(matrix))));
      await matrix[Symbol.asyncDispose]();
    }
    // Both copy the rows.
    buildMs.push(times[1] - times[0]);
  }

  const matrix = await executor.matrix(values, { dimensions, companion: 'codes' });
  const ask = () => executor.topK(query, matrix, { k: 10 });
  const fresh = new SharedArrayBuffer(0, { maxByteLength: added.byteLength * (rounds + 1) });
  const copyIntoFresh = () => {
    const start = fresh.byteLength;
    fresh.grow(start + added.byteLength);
    new Float32Array(fresh, start, added.length).set(added);
  };
  const times = [];
  const ratios = [];
  await ask();
  for (let round = 0; round < rounds; round++) {
    const copyMs = await timed(copyIntoFresh);
    // The codes of the rows are made in the next request.
    const changeMs = await timed(async () => {
      await matrix.append(added);
      await ask();
    });
    const appendMs = changeMs - (await timed(ask));
    times.push(appendMs);
    ratios.push(appendMs / copyMs);
  }
  await executor.close();
  return { rowsPerSecond: (1000 * rows) / median(buildMs), appendMs: median(times), appendRatio: median(ratios) };
}

async function timed(run) {
  const startedMs = performance.now();
  await run();
  return performance.now() - startedMs;
}
