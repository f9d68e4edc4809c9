import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

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
  if (!existsSync(`${PEERS_FOLDER}/node_modules/usearch`)) {
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
  };
  return Object.keys(files).filter((name) => existsSync(`${PEERS_FOLDER}/node_modules/${files[name]}`));
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
    numpy: ofModule('numpy'),
    faiss: ofModule('faiss'),
    'BLAS of numpy and faiss': PYTHON === undefined ? null : run(PYTHON, ['-c', BLAS]),
  };
}

/**
 * Runs all contestants on the same data in turns, each in its own process and one at a time.
 *
 * @returns {Promise<{ times: Map<string, number[]>, found: Map<string, number[]> }>} by contestant, the milliseconds of a search, one for
 *   each round; and the rows that it finds
 */
export async function contest(names, { file, rows, dimensions, k, threads, rounds, roundMs }) {
  const contestants = [];
  try {
    for (const name of names) contestants.push(await start(name, [file, rows, dimensions, k, threads]));
    // The number of searches that makes a round about equally long for each.
    for (const contestant of contestants) {
      await contestant.run(1);
      const onceMs = await contestant.run(2);
      contestant.count = Math.max(1, Math.round(roundMs / onceMs));
      await contestant.run(contestant.count);
    }
    const times = new Map(names.map((name) => [name, []]));
    for (let round = 0; round < rounds; round++) {
      // Another contestant begins in each round.
      for (let i = 0; i < contestants.length; i++) {
        const contestant = contestants[(round + i) % contestants.length];
        times.get(contestant.name).push(await contestant.run(contestant.count));
      }
    }
    const found = new Map();
    for (const { name, rows } of contestants) found.set(name, await rows());
    checkRows(found);
    return { times, found };
  } finally {
    for (const { process } of contestants) process.kill();
  }
}

async function start(name, args) {
  const isPython = IN_PYTHON.includes(name);
  const threads = String(args.at(-1));
  const env = { ...process.env, OMP_NUM_THREADS: threads, OPENBLAS_NUM_THREADS: threads, OMP_WAIT_POLICY: 'PASSIVE' };
  const program = isPython ? PYTHON : process.execPath;
  const child = spawn(program, [isPython ? PYTHON_SCRIPT : SCRIPT, name, ...args.map(String)], {
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${name} ended without an answer`);
    return JSON.parse(value);
  };
  await answer();
  const ask = (line) => {
    child.stdin.write(`${line}\n`);
    return answer();
  };
  return { name, process: child, count: 1, run: (count) => ask(count), rows: () => ask('rows') };
}

/** A contestant with other results has not done the same work. Compares sets, because rounding may swap neighbours. */
function checkRows(found) {
  const exact = [...found].filter(([name, rows]) => name !== 'hnswlib hnsw' && rows.length > 0); // scores alone are no rows
  const [, expected] = exact[0] ?? [];
  for (const [name, rows] of exact) {
    const others = rows.filter((row) => !expected.includes(row)).length;
    if (others > 1) throw new Error(`${name} found other rows: ${rows.join()} instead of ${expected.join()}`);
  }
}

export const hasPython = PYTHON !== undefined;
