import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { contest, hasPython, installPeers, versionsOfPeers } from '../peers/contest.mjs';
import cpu from './cpu.mjs';

export default {
  name: 'peers',
  description: 'exact cosine top-k of one query beside what else there is, and the goals of the CPU in the same run',

  async run({ quick, log }) {
    const fromNpm = installPeers(log);
    if (!hasPython) log('numpy and faiss are not there (Debian: python3-numpy python3-faiss libopenblas0-pthread)');
    const peers = [...fromNpm, 'javascript', ...(hasPython ? ['numpy', 'faiss'] : [])];
    const settings = { rounds: quick ? 3 : 15, roundMs: quick ? 20 : 100 };
    const folder = mkdtempSync(join(tmpdir(), 'gearshift-peers-'));
    const rows = [];
    const approximate = [];
    const goals = [];
    try {
      for (const { count, dimensions, k } of quick ? CASES.slice(0, 1) : CASES) {
        const file = join(folder, `${count}x${dimensions}`);
        writeFileSync(file, drawVectors((count + 1) * dimensions));
        const data = { file, rows: count, dimensions, k, ...settings };
        for (const threads of [...new Set([1, availableParallelism()])]) {
          log(`${count} rows of ${dimensions}, k ${k}, ${threads} threads ...`);
          const here = peers.filter((name) => threads === 1 || HAVE_THREADS.includes(name));
          const { times } = await contest(['gearshift', ...here], { ...data, threads });
          const ratio = (name) => (times.has(name) ? ratioOf(times, name, 'gearshift') : null);
          rows.push([count, dimensions, k, threads, 1000 * median(times.get('gearshift')), ...PEERS.map(ratio)]);
          goals.push(...goalsOf({ count, dimensions, k, threads }, ratio));
        }
        if (dimensions === 768 && k === 10) {
          if (hasPython) goals.push(await compareScores({ ...data, threads: 1 }));
          if (fromNpm.includes('hnswlib') && count <= 10_000) {
            log('an approximate index ...');
            approximate.push(await compareWithHnsw({ ...data, threads: 1 }));
          }
        }
        rmSync(file);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
    const versions = Object.entries(versionsOfPeers()).map(([name, version]) => [name, version ?? 'not here']);
    const ofCpu = await cpu.run({ quick, log });
    return {
      tables: [
        {
          title:
            'One query, exact cosine top-k: how many times as long as Gearshift each takes, median of rounds in turns',
          columns: ['rows', 'dimensions', 'k', 'threads', 'gearshift us', ...PEERS.map((name) => `${name} x`)],
          rows,
        },
        {
          title: 'Not the same work: an approximate index (hnswlib, M 16, ef 64), one thread',
          columns: ['rows', 'dimensions', 'k', 'times as long as Gearshift', 'of its rows among the best k'],
          rows: approximate,
        },
        { title: 'Versions', columns: ['peer', 'version'], rows: versions },
      ],
      goals: [...goals, ...ofCpu.goals],
    };
  },
};

const PEERS = ['usearch', 'simsimd', 'hnswlib', 'onnxruntime', 'numpy', 'faiss', 'javascript'];
const HAVE_THREADS = ['usearch', 'onnxruntime', 'numpy', 'faiss'];

const CASES = [
  { count: 1000, dimensions: 768, k: 10 },
  { count: 10_000, dimensions: 768, k: 10 },
  { count: 100_000, dimensions: 768, k: 10 },
  { count: 10_000, dimensions: 768, k: 100 },
  { count: 10_000, dimensions: 384, k: 10 },
  { count: 10_000, dimensions: 1536, k: 10 },
];

/** Goals of P3 by rows, with one thread and with two. */
const USEARCH_GOALS = { 1000: [1.8, 5], 10_000: [1.5, 2.2], 100_000: [1.35, 1.6] };

function goalsOf({ count, dimensions, k, threads }, ratio) {
  if (dimensions !== 768 || k !== 10 || threads > 2) return [];
  const goals = [];
  const threadsText = threads === 1 ? '1 thread' : `${threads} threads`;
  const wanted = USEARCH_GOALS[count][threads - 1];
  goals.push(atLeast('P3', `${count} rows, ${threadsText}: >= ${wanted}x usearch`, ratio('usearch'), wanted));
  if (threads === 1) goals.push(atLeast('P4', `${count} rows, 1 thread: >= 1.15x faiss flat`, ratio('faiss'), 1.15));
  return goals;
}

/** Only the scores, without a selection: a product of matrix and vector. */
async function compareScores(data) {
  const { times } = await contest(['gearshift scores', 'numpy scores'], data);
  const target = `scores of ${data.rows} rows, 1 thread: >= 1.0x numpy t @ q`;
  return atLeast('P4', target, ratioOf(times, 'numpy scores', 'gearshift scores'), 1);
}

async function compareWithHnsw(data) {
  const { times, found } = await contest(['gearshift', 'hnswlib hnsw'], data);
  const best = found.get('gearshift');
  const hits = found.get('hnswlib hnsw').filter((row) => best.includes(row)).length;
  const ratio = ratioOf(times, 'hnswlib hnsw', 'gearshift');
  return [data.rows, data.dimensions, data.k, ratio, `${hits} of ${best.length}`];
}

function atLeast(id, target, measured, least) {
  return { id, target, measured, pass: measured === null ? null : measured >= least };
}

/** The median over the rounds of the ratio of two times in the same round. */
function ratioOf(times, name, base) {
  const own = times.get(base);
  return median(times.get(name).map((ms, round) => ms / own[round]));
}

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

/** Approximately a normal distribution, and the same in every run. */
function drawVectors(length) {
  const values = new Float32Array(length);
  let state = 4711;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  for (let i = 0; i < length; i++) values[i] = next() + next() + next() - 1.5;
  return values;
}
