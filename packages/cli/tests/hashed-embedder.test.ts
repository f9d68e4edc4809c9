import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { EMBEDDING_DIMENSIONS, fitEmbedder, type HashedEmbedder } from '../src/embedding/hashed-embedder.js';

const CORPUS = [
  'The circuit breaker opens after four consecutive faults and sends every request to the processor.',
  'Passages are split at headings and blank lines, and long paragraphs are cut at line ends.',
  'Worker threads share one tracker through a SharedArrayBuffer, without any lock.',
  'A matrix that stays resident on the graphics card is uploaded once and used many times.',
  'Ties in the ranking are broken by the lower index, and NaN ranks last.',
  'Install the compiler and CMake to build the addon; otherwise the portable code runs.',
  'Sourdough bread needs flour, water, salt and patience; bake it in a hot oven.',
];

function embed(embedder: HashedEmbedder, text: string): Float32Array {
  const vector = new Float32Array(EMBEDDING_DIMENSIONS);
  embedder.embedInto(text, vector);
  return vector;
}

function dot(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, index) => sum + value * b[index], 0);
}

/** Indices of the corpus, best first. */
function ranking(query: string): number[] {
  const embedder = fitEmbedder(CORPUS);
  const queryVector = embed(embedder, query);
  const scores = CORPUS.map((text) => dot(queryVector, embed(embedder, text)));
  return CORPUS.map((_text, index) => index).sort((a, b) => scores[b] - scores[a]);
}

describe('ranking by hashed embeddings', () => {
  test.each([
    ['when does the circuit breaker open?', 0],
    ['how is text cut into passages', 1],
    ['sharing a tracker between threads', 2],
    ['is data uploaded to the graphics card every time', 3],
    ['which index wins a tie', 4],
    ['building without a compiler', 5],
    ['baking bread', 6],
  ])('finds the passage for the query "%s"', (query, expected) => {
    expect(ranking(query)[0]).toBe(expected);
  });

  test('finds other forms of a word by their n-grams', () => {
    // The corpus contains none of these words.
    expect(ranking('uploading matrices')[0]).toBe(3);
    expect(ranking('rankings')[0]).toBe(4);
  });

  test('weighs a rare word more than a common one', () => {
    const corpus = ['common common alpha', 'common beta', 'common gamma', 'common delta'];
    const embedder = fitEmbedder(corpus);
    const query = embed(embedder, 'common delta');
    const scores = corpus.map((text) => dot(query, embed(embedder, text)));
    expect(scores.indexOf(Math.max(...scores))).toBe(3);
  });
});

describe('hashed embeddings', () => {
  test('have length 1, or are zero for a text without words', () => {
    const embedder = fitEmbedder(CORPUS);
    for (const text of [...CORPUS, 'unseen words']) {
      const vector = embed(embedder, text);
      expect(dot(vector, vector)).toBeCloseTo(1, 5);
      expect(vector.some((value) => value < 0)).toBe(true);
    }
    const reused = embed(embedder, CORPUS[0]);
    embedder.embedInto('?!', reused);
    expect(reused.every((value) => value === 0)).toBe(true);
  });

  test('have the same bits in every run', () => {
    const first = CORPUS.map((text) => embed(fitEmbedder(CORPUS), text));
    const second = CORPUS.map((text) => embed(fitEmbedder([...CORPUS].reverse()), text));
    expect(second).toEqual(first);
    // A change of the hash would make saved vectors incomparable. Rounded, because Math.log may differ by an ulp.
    const rounded = Int16Array.from(first[0], (value) => Math.round(value * 1e4));
    expect(createHash('sha256').update(rounded).digest('hex').slice(0, 16)).toBe('5ce04bafe5afc2bb');
  });

  test('depend on the document frequencies of the corpus', () => {
    const text = 'worker threads';
    expect(embed(fitEmbedder([text]), text)).not.toEqual(embed(fitEmbedder(CORPUS), text));
  });
});
