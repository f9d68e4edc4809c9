import { createEventLoopTurns } from '../event-loop-turns.js';
import { EMBEDDING_DIMENSIONS, fitEmbedder } from './hashed-embedder.js';
import { stemWord } from './stem-word.js';
import type { TextEmbedder } from './text-embedder.js';
import { meaningfulWords } from './tokenize.js';

/** The built-in embedding of the search, which needs no model: hashed word stems and letters, weighted by their rarity. */
export function createHashingTextEmbedder(): TextEmbedder {
  let embedder = fitEmbedder([]);
  return {
    dimensions: EMBEDDING_DIMENSIONS,
    // These vectors compare spelling, like the ranking by words, but less exactly.
    lexicalWeight: 3,
    async embedPassages(texts, onProgress) {
      const turn = createEventLoopTurns();
      const stemmed: string[] = [];
      for (const text of texts) {
        stemmed.push(stemWords(text));
        await turn();
      }
      embedder = fitEmbedder(stemmed);
      const values = new Float32Array(texts.length * EMBEDDING_DIMENSIONS);
      for (const [index, text] of stemmed.entries()) {
        const offset = index * EMBEDDING_DIMENSIONS;
        embedder.embedInto(text, values.subarray(offset, offset + EMBEDDING_DIMENSIONS));
        onProgress(index + 1, texts.length);
        await turn();
      }
      return values;
    },
    async embedQuery(text) {
      const query = new Float32Array(EMBEDDING_DIMENSIONS);
      embedder.embedInto(stemWords(text), query);
      return await Promise.resolve(query);
    },
  };
}

function stemWords(text: string): string {
  return meaningfulWords(text).map(stemWord).join(' ');
}
