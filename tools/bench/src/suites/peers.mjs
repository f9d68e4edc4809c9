import { availableParallelism, loadavg } from 'node:os';
import { contest, hasPython, installPeers, recallOf, versionsOfPeers } from '../peers/contest.mjs';
import { DATA_SETS, prepareRows } from '../peers/data-sets.mjs';

export default {
  name: 'peers',
  description: 'exact cosine top-k beside what else there is, on real and drawn sets, of one query and of many',

  async run({ quick, log }) {
    const fromNpm = installPeers(log);
    if (!hasPython) log('numpy and faiss are not there (Debian: python3-numpy python3-faiss libopenblas0-pthread)');
    const peers = [...fromNpm, 'javascript', ...(hasPython ? ['numpy', 'faiss'] : [])];
    // Others who use the machine take no CPU time from a process, only wall time.
    const byCpuTime = loadavg()[0] > 0.5;
    const rounds = { rounds: quick ? 3 : 11, roundMs: quick ? 5 : 100 };

    const compare = async (names, { set, ...wanted }) => {
      const { rows, dimensions, k, queries, threads } = wanted;
      log(`${rows} ${set} of ${dimensions}, k ${k}, queries: ${queries}, threads: ${threads} ...`);
      const file = await prepareRows(set, { rows, dimensions, log });
      return contest(names, { file, ...wanted, ...rounds, byCpuTime: byCpuTime && threads === 1 });
    };

    const goals = [];
    const searches = [];
    for (const question of quick ? QUICK_SEARCHES : SEARCHES) {
      const results = await compare(
        ['gearshift', ...CODES_OR_NOT, ...peers.filter((name) => takesPart(name, question))],
        question,
      );
      searches.push([...whatOf(question), ...ratiosOf(results, [...CODES_OR_NOT, ...PEERS])]);
      goals.push(...goalsOf(question, (name) => ratioOf(results, name, 'gearshift')));
    }

    const batches = [];
    for (const question of quick ? QUICK_BATCHES : BATCHES) {
      const others = peers.filter((name) => HAVE_BATCHES.includes(name));
      const scores = hasPython ? ['numpy scores'] : [];
      const names = ['gearshift', ...CODES_OR_NOT, 'gearshift scores', ...others, ...scores];
      const results = await compare(names, question);
      batches.push([...whatOf(question), question.queries, ...ratiosOf(results, [...CODES_OR_NOT, ...HAVE_BATCHES])]);
      if (hasPython && question.threads === 1) goals.push(...goalsOfBatch(question, results));
    }

    const approximate = [];
    for (const question of quick ? QUICK_INDEXES : INDEXES) {
      const indexes = ['usearch hnsw', 'hnswlib hnsw'].filter((name) => fromNpm.includes(name.split(' ')[0]));
      const results = await compare(['gearshift', ...indexes], question);
      for (const name of indexes) approximate.push(compareIndex(question, results, name));
    }

    const versions = Object.entries(versionsOfPeers()).map(([name, version]) => [name, version ?? 'not here']);
    const what = ['set', 'rows', 'dimensions', 'k', 'threads'];
    return {
      tables: [
        {
          title: 'One query, exact cosine top-k: how many times as long as Gearshift each takes',
          columns: [...what, 'gearshift us', ...[...CODES_OR_NOT, ...PEERS].map((name) => `${name} x`)],
          rows: searches,
        },
        {
          title: 'Many queries in one call, exact cosine top-k: how many times as long as Gearshift each takes',
          columns: [
            ...what,
            'queries',
            'gearshift us',
            ...[...CODES_OR_NOT, ...HAVE_BATCHES].map((name) => `${name} x`),
          ],
          rows: batches,
        },
        {
          title: 'Not the same work: approximate indexes (HNSW) beside exact search',
          columns: [
            ...what,
            'index',
            'times as long as Gearshift',
            'found of the best k, %',
            'built in s',
            "Gearshift's codes in s",
          ],
          rows: approximate,
        },
        {
          title: 'The sets',
          columns: ['set', 'what it is'],
          rows: Object.entries(DATA_SETS).map(([name, { about }]) => [name, about]),
        },
        {
          title: 'How it was measured',
          columns: ['', ''],
          rows: [
            ['one thread', byCpuTime ? 'CPU time of the process: the machine was busy' : 'wall time'],
            ['two threads', 'wall time'],
            ...versions,
          ],
        },
      ],
      goals,
    };
  },
};

const CODES_OR_NOT = ['gearshift float32'];
const PEERS = ['usearch', 'simsimd', 'hnswlib', 'onnxruntime', 'sqlite-vec', 'numpy', 'faiss', 'javascript'];
const HAVE_THREADS = ['usearch', 'onnxruntime', 'numpy', 'faiss'];
const HAVE_BATCHES = ['usearch', 'onnxruntime', 'numpy', 'faiss'];
/** Bytes of rows above which few take part: each has rows of its own, all at the same time. */
const MANY_BYTES = 700 * 2 ** 20;
const FOR_MANY_BYTES = ['usearch'];

function takesPart(name, { rows, dimensions, threads }) {
  if (threads > 1 && !HAVE_THREADS.includes(name)) return false;
  return rows * dimensions * 4 <= MANY_BYTES || FOR_MANY_BYTES.includes(name);
}

const CPUS = [...new Set([1, Math.min(2, availableParallelism())])];
const onOne = (questions) => questions.map((question) => ({ k: 10, queries: 1, threads: 1, ...question }));
const onEach = (questions) => onOne(questions.flatMap((question) => CPUS.map((threads) => ({ ...question, threads }))));

const SEARCHES = [
  ...onEach([
    { set: 'words', rows: 340_000, dimensions: 100 },
    { set: 'sentences', rows: 50_000, dimensions: 512 },
    { set: 'clustered', rows: 100_000, dimensions: 768 },
  ]),
  ...onOne([
    { set: 'sentences', rows: 100, dimensions: 512 },
    { set: 'sentences', rows: 1000, dimensions: 512 },
    { set: 'sentences', rows: 10_000, dimensions: 512 },
    { set: 'sentences', rows: 50_000, dimensions: 512, k: 100 },
    { set: 'clustered', rows: 10_000, dimensions: 768 },
    { set: 'clustered', rows: 1_000_000, dimensions: 768 },
    { set: 'anisotropic', rows: 100_000, dimensions: 768 },
    { set: 'gaussian', rows: 100_000, dimensions: 768 },
  ]),
];
const BATCHES = onOne(
  [8, 32, 128].flatMap((queries) => [
    { set: 'sentences', rows: 50_000, dimensions: 512, queries },
    { set: 'clustered', rows: 100_000, dimensions: 768, queries },
  ]),
);
const INDEXES = [1000, 3000, 10_000, 50_000].map((rows) => ({
  ...{ set: 'sentences', rows, dimensions: 512, k: 10, queries: 1, threads: 1 },
}));
const QUICK_SEARCHES = [{ set: 'clustered', rows: 1000, dimensions: 768, k: 10, queries: 1, threads: 1 }];
const QUICK_BATCHES = [{ set: 'clustered', rows: 1000, dimensions: 768, k: 10, queries: 8, threads: 1 }];
const QUICK_INDEXES = QUICK_SEARCHES;

function whatOf({ set, rows, dimensions, k, threads }) {
  return [set, rows, dimensions, k, threads];
}

function ratiosOf(results, names) {
  return [1000 * median(results.get('gearshift').times), ...names.map((name) => ratioOf(results, name, 'gearshift'))];
}

function compareIndex(question, results, name) {
  const exact = results.get('gearshift');
  const index = results.get(name);
  const recall = 100 * recallOf(exact, index);
  return [
    ...whatOf(question),
    name,
    ratioOf(results, name, 'gearshift'),
    recall,
    index.buildMs / 1000,
    exact.buildMs / 1000,
  ];
}

/** P3 and P5, with one thread. */
function goalsOf({ set, rows, dimensions, k, threads }, ratio) {
  if (threads > 1 || k !== 10) return [];
  const { real } = DATA_SETS[set];
  const where = `${rows} ${set} of ${dimensions}`;
  const wanted = [];
  if (real && rows === 100) wanted.push(['P3', 'usearch', 1], ['P3', 'onnxruntime', 1]);
  if (rows === 10_000 && real) wanted.push(['P3', 'usearch', 5], ['P3', 'onnxruntime', 5]);
  if (real && rows >= 50_000) wanted.push(['P3', 'usearch', 8], ['P3', 'onnxruntime', 6]);
  if (set === 'gaussian') wanted.push(['P5', 'gearshift float32', 3.4]);
  else if (rows >= 600_000) wanted.push(['P5', 'gearshift float32', 5.8]);
  else if (rows >= 50_000) wanted.push(['P5', 'gearshift float32', 6]);
  else if (rows === 10_000) wanted.push(['P5', 'gearshift float32', 5]);
  return wanted.map(([id, peer, least]) => atLeast(id, `${where}: >= ${least}x ${peer}`, ratio(peer), least));
}

/** P6 and P7, with one thread, against the product of matrices that numpy has. */
const PRODUCT_GOALS = { 8: [2.8, 5.5], 32: [2, 6.5], 128: [1.15, 4] };

function goalsOfBatch({ set, rows, dimensions, queries }, results) {
  if (!(queries in PRODUCT_GOALS)) return [];
  const where = `${rows} ${set} of ${dimensions}, queries: ${queries}`;
  const [scores, codes] = PRODUCT_GOALS[queries];
  return [
    atLeast(
      'P6',
      `${where}: scores >= ${scores}x a product`,
      ratioOf(results, 'numpy scores', 'gearshift scores'),
      scores,
    ),
    atLeast('P7', `${where}: top-k >= ${codes}x a product`, ratioOf(results, 'numpy scores', 'gearshift'), codes),
  ];
}

function atLeast(id, target, measured, least) {
  return { id, target, measured, pass: measured === null ? null : measured >= least };
}

/** The median over the rounds of the ratio of two times in the same round; null for a contestant that did not take part. */
function ratioOf(results, name, base) {
  if (!results.has(name)) return null;
  const own = results.get(base).times;
  return median(results.get(name).times.map((ms, round) => ms / own[round]));
}

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}
