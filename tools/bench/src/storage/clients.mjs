import { createExecutor } from 'gearshift';
import { interleave, median, medianRatio } from '../interleave.mjs';
import { randomValues } from './random-values.mjs';

const CLIENTS = 50;

/** 50 clients that ask one after the other at the same time, beside one call with 50 queries, and one client alone. */
export async function measureClients({ rows, dimensions, rounds }) {
  const values = randomValues(rows * dimensions);
  const merging = await openOne({}, values, dimensions);
  const single = await openOne({ coalesce: false }, values, dimensions);
  const queries = randomValues(CLIENTS * dimensions, 5);
  const queryOf = (client) => queries.subarray(client * dimensions, (client + 1) * dimensions);
  const together = ({ executor, matrix }) => executor.topK(queries, matrix, { k: 10, queries: CLIENTS });
  const apart = ({ executor, matrix }) =>
    Promise.all(Array.from({ length: CLIENTS }, (_, client) => executor.topK(queryOf(client), matrix, { k: 10 })));
  const alone = ({ executor, matrix }) => executor.topK(queryOf(0), matrix, { k: 10 });

  const ratios = { merged: [], apart: [] };
  for (let round = 0; round < rounds; round++) {
    const batch = await timed(() => together(merging));
    ratios.merged.push(batch / (await timed(() => apart(merging))));
    ratios.apart.push(batch / (await timed(() => apart(single))));
  }
  // Much alike: many rounds, in turns, on the same memory.
  const [mergingAlone, singleAlone] = await interleave(
    [
      { name: 'merging', run: () => alone(merging) },
      { name: 'single', run: () => alone({ ...single, matrix: merging.matrix }) },
    ],
    { rounds: 4 * rounds, turnMs: 40 },
  );
  const { requests } = merging.executor.snapshot('top-k');
  for (const { executor } of [merging, single]) await executor.close();
  return {
    merged: median(ratios.merged),
    apart: median(ratios.apart),
    alone: medianRatio(mergingAlone, singleAlone),
    mergedRequests: requests.merged,
  };
}

async function openOne(options, values, dimensions) {
  const executor = await createExecutor({ backends: ['cpu'], ...options });
  return { executor, matrix: await executor.matrix(values, { dimensions, companion: 'none' }) };
}

async function timed(run) {
  const startedNs = process.hrtime.bigint();
  await run();
  return Number(process.hrtime.bigint() - startedNs);
}
