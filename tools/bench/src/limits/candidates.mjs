import { createRequire } from 'node:module';
import { createExecutor } from 'gearshift';
import { interleave, medianRatio } from '../interleave.mjs';
import { readFloats } from './read-rows.mjs';

const CANDIDATES = 32;
const QUERIES = 64;
const K = 10;

/**
 * P12: the best of a few candidates that lie anywhere in the rows, which no cache has, against a loop over simsimd's cosine. Each list of
 * candidates is asked for once in a long time, and by one of the two only.
 *
 * @returns the table's row, and how many times as long the loop takes; null without simsimd
 */
export async function measureCandidates({ file, rows, dimensions, lists, rounds, hasSimsimd }) {
  const executor = await createExecutor({ backends: ['cpu'], threads: 1 });
  const values = readFloats(file, 0, rows * dimensions);
  const queries = readFloats(file, rows * dimensions, QUERIES * dimensions);
  const matrix = await executor.matrix(values, { dimensions, companion: 'codes' });
  const drawn = drawLists(2 * lists, rows);
  const next = (at) => (at + 1) % lists;
  const queryOf = (at) => queries.subarray((at % QUERIES) * dimensions, ((at % QUERIES) + 1) * dimensions);
  let own = 0;
  const contestants = [
    {
      name: 'gearshift',
      run: () => executor.topKSync(queryOf(own), matrix, { k: K, candidates: drawn[(own = next(own))] }),
    },
  ];
  if (hasSimsimd) {
    const { cosine } = createRequire(new URL('../../peers/package.json', import.meta.url))('simsimd');
    const viewOf = (row) => values.subarray(row * dimensions, (row + 1) * dimensions);
    // Made beforehand: a user who has few candidates would have them.
    const views = drawn.slice(lists).map((list) => Array.from(list, viewOf));
    let other = 0;
    contestants.push({ name: 'simsimd', run: () => bestOf(queryOf(other), views[(other = next(other))], cosine) });
  }
  const [gearshift, simsimd] = await interleave(contestants, { rounds, turnMs: 40 });
  const megabytes = Math.round((rows * dimensions * 4) / 1e6);
  const ratio = simsimd === undefined ? null : medianRatio(simsimd, gearshift);
  await executor.close();
  return { row: [`${CANDIDATES} candidates of ${megabytes} MB`, gearshift.medianNs / 1000, ratio], ratio, megabytes };
}

/** Any rows, in any order, none of them twice in a list. */
function drawLists(count, rows) {
  let state = 1;
  const draw = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  return Array.from({ length: count }, () => {
    const list = new Set();
    while (list.size < CANDIDATES) list.add(Math.floor(draw() * rows));
    return Uint32Array.from(list);
  });
}

function bestOf(query, views, cosine) {
  const found = [];
  for (let i = 0; i < views.length; i++) found.push([cosine(query, views[i]), i]);
  return found.sort(([a], [b]) => a - b).slice(0, K);
}
