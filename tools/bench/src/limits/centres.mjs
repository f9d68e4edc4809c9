import { setTimeout } from 'node:timers/promises';
import { createExecutor } from 'gearshift';
import { interleave, medianRatio } from '../interleave.mjs';
import { readFloats } from './read-rows.mjs';

const QUERIES = 64;

/** P15: rankings of many clustered rows by their codes and centres, on one thread, against a scan of the same rows in float32. */
export async function measureCentres({ file, fileRows, rows, dimensions, rounds }) {
  const executor = await createExecutor({ backends: ['cpu'], threads: 1 });
  const values = readFloats(file, 0, rows * dimensions);
  const queries = readFloats(file, fileRows * dimensions, QUERIES * dimensions);
  const startedMs = performance.now();
  const coded = await executor.matrix(values, { dimensions, companion: 'codes' });
  const codesMs = performance.now() - startedMs;
  // Centres are looked for in the background, while nothing else is asked for.
  const cpuBefore = process.cpuUsage();
  while (buildingOf(executor) > 0) await setTimeout(50);
  const { user, system } = process.cpuUsage(cpuBefore);
  const scanned = await executor.matrix(values, { dimensions, companion: 'none' });
  let asked = 0;
  const ask = (matrix) => {
    const at = (asked++ % QUERIES) * dimensions;
    return executor.topKSync(queries.subarray(at, at + dimensions), matrix, { k: 10 });
  };
  const [byCodes, scan] = await interleave(
    [
      { name: 'codes and centres', run: () => ask(coded) },
      { name: 'float32', run: () => ask(scanned) },
    ],
    { rounds, turnMs: 100 },
  );
  await executor.close();
  return { ratio: medianRatio(scan, byCodes), ms: byCodes.medianNs / 1e6, codesMs, centresMs: (user + system) / 1000 };
}

function buildingOf(executor) {
  return executor.snapshot('top-k').devices.reduce((sum, { companions }) => sum + (companions?.building ?? 0), 0);
}
