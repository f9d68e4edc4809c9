import { createExecutor } from 'gearshift';
import { interleave, median, medianRatio } from '../interleave.mjs';
import { randomValues } from './random-values.mjs';

const APPENDED_ROWS = 1000;
const REMOVED_ROWS = 1000;

/** Appending, updating and removing rows, and the request after it. */
export async function measureChanges({ rows, dimensions, rounds }) {
  const executor = await createExecutor({ backends: ['cpu'] });
  const values = randomValues(rows * dimensions);
  const query = values.slice(0, dimensions);
  const matrix = await executor.matrix(values, { dimensions, companion: 'none' });
  const added = randomValues(APPENDED_ROWS * dimensions, 2);
  const ask = (target) => executor.topK(query, target, { k: 10 });
  const results = [];

  // A memcpy into memory that no code has touched yet, as appending does.
  const fresh = new SharedArrayBuffer(0, { maxByteLength: added.byteLength * (rounds + 40) });
  const copyIntoFresh = () => {
    const start = fresh.byteLength;
    fresh.grow(start + added.byteLength);
    new Float32Array(fresh, start, added.length).set(added);
  };
  const [append, copy] = await interleave(
    [
      { name: 'append', run: () => matrix.append(added), perTurn: 1 },
      { name: 'memcpy', run: copyIntoFresh, perTurn: 1 },
    ],
    { rounds },
  );
  results.push({
    what: `append ${APPENDED_ROWS} rows`,
    ms: append.medianNs / 1e6,
    ratio: medianRatio(append, copy),
    to: 'a memcpy into fresh memory',
  });
  await matrix[Symbol.asyncDispose]();

  const changing = await executor.matrix(values, { dimensions, companion: 'none' });
  await ask(changing);
  const row = values.slice(dimensions, 2 * dimensions);
  let next = 0;
  const after = async (change) => {
    const ratios = [];
    const times = [];
    for (let round = 0; round < 2 * rounds; round++) {
      const startedNs = process.hrtime.bigint();
      await change();
      times.push(Number(process.hrtime.bigint() - startedNs) / 1e6);
      // The same matrix again, so that both read the same memory and leave out the same rows.
      const changed = await timed(() => ask(changing));
      const unchanged = await timed(() => ask(changing));
      ratios.push(changed / unchanged);
    }
    return { ms: median(times), next: median(ratios) };
  };
  const update = await after(() => changing.update((next += 977) % rows, row));
  results.push({ what: 'update 1 row', ms: update.ms, next: update.next });
  const remove = await after(() => {
    const first = (next += REMOVED_ROWS) % (rows - REMOVED_ROWS);
    return changing.remove(Uint32Array.from({ length: REMOVED_ROWS }, (_, i) => first + i));
  });
  results.push({ what: `remove ${REMOVED_ROWS} rows`, ms: remove.ms, next: remove.next });
  const appended = await after(() => changing.append(row));
  results.push({ what: 'append 1 row', ms: appended.ms, next: appended.next });
  const startedNs = process.hrtime.bigint();
  await changing.compact();
  results.push({ what: 'compact', ms: Number(process.hrtime.bigint() - startedNs) / 1e6 });
  await executor.close();
  return results;
}

async function timed(run) {
  const startedNs = process.hrtime.bigint();
  await run();
  return Number(process.hrtime.bigint() - startedNs);
}
