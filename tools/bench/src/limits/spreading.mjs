import { execFile, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { setTimeout } from 'node:timers/promises';
import { createExecutor } from 'gearshift';
import { median, medianRatio } from '../interleave.mjs';
import { takeTurns, timeLoop } from '../take-turns.mjs';

const PYTHON_SCRIPT = fileURLToPath(new URL('spreading-peer.py', import.meta.url));
const FIRST_CALL = fileURLToPath(new URL('first-call.mjs', import.meta.url));
const EDGES_PER_NODE = 10;
const ACTIVE_REQUESTS = 200;

const PYTHON = ['/usr/bin/python3', 'python3'].find(
  (program) => spawnSync(program, ['-c', 'import numpy, scipy.sparse'], { stdio: 'ignore' }).status === 0,
);

/** P9: one hop over all nodes, on one thread, against the product of a sparse matrix and a vector in scipy; `ratio` is null without it. */
export async function measureSpreading({ nodes, rounds, log }) {
  if (PYTHON === undefined) log('scipy is not there (Debian: python3-scipy)');
  const parts = drawGraph(nodes);
  const activations = Float32Array.from({ length: nodes }, (_, node) => (node % 7) / 7);
  const executor = await createExecutor({ backends: ['cpu'], threads: 1 });
  const graph = await executor.graph(parts);
  const options = { hops: 1, decay: 1, retention: 0 };
  const spread = () => executor.spreadActivationSync(graph, activations, options);
  const count = Math.max(3, Math.round(2e7 / (nodes * EDGES_PER_NODE)));
  const own = { name: 'gearshift', measure: () => timeLoop((times) => repeat(times, spread), count) };
  const scipy = PYTHON === undefined ? undefined : await startScipy(parts, activations);
  try {
    if (scipy !== undefined) checkSums(spread(), await scipy.ask('sum'));
    const peers =
      scipy === undefined ? [] : [{ name: 'scipy', measure: async () => (await scipy.ask(String(count))).ns }];
    const timings = await takeTurns([own, ...peers], { rounds });
    const ratio = scipy === undefined ? null : medianRatio(timings.get('scipy'), timings.get('gearshift'));
    const fromOneUs = await spreadFromOne(executor, graph, nodes);
    return { us: timings.get('gearshift').medianNs / 1000, ratio, fromOneUs };
  } finally {
    await scipy?.end();
    await executor.close();
  }
}

/** How much longer the first call of a process takes than its second, in milliseconds: the median of some processes. */
export async function measureFirstCall({ processes }) {
  const differences = [];
  for (let i = 0; i < processes; i++) {
    const [firstMs, secondMs] = await new Promise((resolve, reject) => {
      execFile(process.execPath, [FIRST_CALL], (error, stdout) =>
        error ? reject(error) : resolve(JSON.parse(stdout)),
      );
    });
    differences.push(firstMs - secondMs);
  }
  return median(differences);
}

/** Three hops from one active node, once the backend has made the transposed form of the graph in the background. */
async function spreadFromOne(executor, graph, nodes) {
  const activations = new Float32Array(nodes);
  const times = [];
  for (let request = 0; request < ACTIVE_REQUESTS; request++) {
    const node = (request * 7919) % nodes;
    activations[node] = 1;
    const startedMs = performance.now();
    await executor.spreadActivation(graph, activations, { hops: 3 });
    times.push(performance.now() - startedMs);
    activations[node] = 0;
    if (request < ACTIVE_REQUESTS / 2) await setTimeout(20);
  }
  return 1000 * median(times.slice(ACTIVE_REQUESTS / 2));
}

/** Both ends of an edge are any nodes. */
function drawGraph(nodes) {
  let state = 7;
  const draw = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  const edges = nodes * EDGES_PER_NODE;
  const columns = Uint32Array.from({ length: edges }, () => Math.floor(draw() * nodes));
  const weights = Float32Array.from({ length: edges }, () => draw() / EDGES_PER_NODE);
  const rowPointers = Uint32Array.from({ length: nodes + 1 }, (_, node) => node * EDGES_PER_NODE);
  return { nodes, rowPointers, columns, weights };
}

async function startScipy({ nodes, rowPointers, columns, weights }, activations) {
  const folder = mkdtempSync(join(tmpdir(), 'gearshift-limits-'));
  for (const [name, values] of Object.entries({ rowPointers, columns, weights, activations })) {
    writeFileSync(join(folder, name), values);
  }
  const env = { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' };
  const child = spawn(PYTHON, [PYTHON_SCRIPT, folder, String(nodes)], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error('scipy ended without an answer');
    return JSON.parse(value);
  };
  await answer();
  rmSync(folder, { recursive: true });
  return {
    ask: (line) => {
      child.stdin.write(`${line}\n`);
      return answer();
    },
    end: () => {
      const ended = new Promise((resolve) => child.once('close', resolve));
      child.stdin.end();
      return ended;
    },
  };
}

/** Both must have done the same work. */
function checkSums(own, { sum, version }) {
  const ownSum = own.reduce((total, value) => total + value, 0);
  if (!(Math.abs(ownSum - sum) <= 1e-5 * Math.abs(sum))) {
    throw new Error(`scipy ${version} gave the sum ${sum}, Gearshift ${ownSum}`);
  }
}

function repeat(times, run) {
  for (let i = 0; i < times; i++) run();
}
