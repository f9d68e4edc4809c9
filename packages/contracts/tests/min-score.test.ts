import { describe, expect, test } from 'vitest';
import { createMatrix, finishTopK, NO_ROW, prepareTopK, type Metric, type TopKOutput } from '../src/index.js';
import { topK } from '../src/operations/top-k.js';

const matrix = createMatrix(new Float32Array(20), { dimensions: 2 });
const request = (minScore: number | undefined, queries: number, metric: Metric = 'dot') =>
  prepareTopK({ operation: 'top-k', query: new Float32Array(2 * queries), queries, matrix, k: 4, metric, minScore });
const plainRequest = () =>
  ({ operation: 'top-k', query: new Float32Array(4), queries: 2, matrix, k: 4, metric: 'dot' }) as const;
const output = (scores: number[], counts?: Uint32Array): TopKOutput => ({
  indices: Uint32Array.from(scores, (_, i) => i),
  scores: Float32Array.from(scores),
  count: -1,
  ...(counts === undefined ? {} : { counts }),
});

describe('finishTopK', () => {
  test('without minScore sets the count and leaves the entries, NaN included', () => {
    const all = output([3, 2, NaN, NaN]);
    finishTopK(request(undefined, 1), all);
    expect(all).toEqual({ ...output([3, 2, NaN, NaN]), count: 4 });
  });

  test.each<[Metric, number, number[], number]>([
    ['dot', 2, [3, 2, 1, NaN], 2],
    ['dot', 4, [3, 2, 1, NaN], 0],
    ['dot', -Infinity, [3, 2, -Infinity, NaN], 3],
    ['cosine', Infinity, [1, 1, 1, 1], 0],
    ['cosine', 0.1, [0.5, 0.1, 0.09, 0], 2],
    ['euclidean', 2, [1, 2, 3, NaN], 2],
    ['euclidean', 0, [0, 0, 1, 2], 2],
    ['euclidean', -1, [0, 0, 1, 2], 0],
    ['euclidean', Infinity, [0, 1, Infinity, NaN], 3],
    ['dot', 0, [1, 0, -0, -1], 3],
  ])('by %s with minScore %d keeps the scores %j that reach it', (metric, minScore, scores, count) => {
    const cut = output(scores);
    finishTopK(request(minScore, 1, metric), cut);
    expect(cut.count).toBe(count);
    expect(cut.scores.slice(0, count)).toEqual(Float32Array.from(scores.slice(0, count)));
    expect([...cut.indices.slice(0, count)]).toEqual([...Array(count).keys()]);
    expect(topK.missingIn(request(minScore, 1, metric), cut)).toBeUndefined();
  });

  test('of several queries puts the shorter lists side by side and fills them up', () => {
    const cut = output([9, 5, 1, 0, 4, 4, 4, NaN, 1, 1, 1, 1], new Uint32Array(4).fill(7));
    finishTopK(request(4, 3), cut);
    expect(cut.count).toBe(3);
    expect(cut.counts).toEqual(Uint32Array.of(2, 3, 0, 7));
    expect(cut.scores.slice(0, 9)).toEqual(Float32Array.of(9, 5, NaN, 4, 4, 4, NaN, NaN, NaN));
    expect([...cut.indices.slice(0, 9)]).toEqual([0, 1, NO_ROW, 4, 5, 6, NO_ROW, NO_ROW, NO_ROW]);
    expect(topK.missingIn(request(4, 3), cut)).toBeUndefined();
    const trimmed = topK.trimOutput(request(4, 3), cut);
    expect(trimmed).toEqual({ ...cut, indices: cut.indices.slice(0, 9), scores: cut.scores.slice(0, 9) });
  });

  test('of several queries leaves nothing where no row reaches minScore', () => {
    const cut = output([1, 1, 1, 1, 2, 2, 2, 2], new Uint32Array(2));
    finishTopK(request(4, 2), cut);
    expect(cut).toMatchObject({ count: 0, counts: new Uint32Array(2) });
    expect(topK.trimOutput(request(4, 2), cut)).toEqual({
      indices: new Uint32Array(0),
      scores: new Float32Array(0),
      count: 0,
      counts: new Uint32Array(2),
    });
  });
});

describe('the output of a request with minScore', () => {
  test.each<[string, TopKOutput, number, string]>([
    [
      'has more entries than k',
      { ...output([3, 2, 2, 2]), count: 5 },
      1,
      '5 entries per query where the request has up to 4',
    ],
    ['has half an entry', { ...output([3, 2, 2, 2]), count: 1.5 }, 1, '1.5 entries per query'],
    [
      'has an entry that does not reach it',
      { ...output([3, 1, 0, 0]), count: 2 },
      1,
      'a score of 1 where minScore is 2',
    ],
    ['has an entry of NaN', { ...output([3, NaN, 0, 0]), count: 2 }, 1, 'a score of NaN where minScore is 2'],
    ['has no counts', { ...output([3, 3, 3, 3, 3, 3, 3, 3]), count: 2 }, 2, 'no counts'],
    [
      'has a list that is longer than the count',
      { ...output([3, 3, 3, 3, 3, 3, 3, 3], Uint32Array.of(3, 1)), count: 2 },
      2,
      '2 entries per query where the longest list has 3',
    ],
    [
      'has only lists that are shorter than the count',
      { ...output([3, 3, 3, 3, 3, 3, 3, 3], Uint32Array.of(1, 1)), count: 2 },
      2,
      '2 entries per query where the longest list has 1',
    ],
    [
      'has a second list with an entry that does not reach it',
      { ...output([3, 3, 3, 1, 3, 3, 3, 3], Uint32Array.of(1, 2)), count: 2 },
      2,
      'a score of 1 where minScore is 2',
    ],
  ])('is reported when it %s', (_, written, queries, message) => {
    expect(topK.missingIn(request(2, queries), written)).toContain(message);
  });

  test('is cleared and copied with its counts, but an output without minScore keeps counts of another request', () => {
    const cut = output([9, 5, 1, 0, 4, 4, 4, NaN], Uint32Array.of(0, 0));
    finishTopK(request(4, 2), cut);
    const copy = topK.outputLike(cut);
    topK.copyOutput(request(4, 2), cut, copy);
    expect(copy).toEqual(cut);
    topK.clearOutput(copy);
    expect(copy).toMatchObject({ count: 0, counts: Uint32Array.of(0, 0) });
    const other = output([1, 1, 1, 1, 1, 1, 1, 1], Uint32Array.of(6, 6));
    topK.copyOutput(request(undefined, 2), cut, other);
    expect(other.counts).toEqual(Uint32Array.of(6, 6));
  });
});

test('a row outside of where is reported, in every entry of every query', () => {
  const where = { rowCount: 10, words: Uint32Array.of(0b11_0000_1111) };
  for (const minScore of [undefined, -1]) {
    const filtered = prepareTopK({ ...plainRequest(), where, minScore });
    const right = { ...output([4, 3, 2, 1, 4, 3, 2, 1], Uint32Array.of(4, 2)), count: 4 };
    right.indices.set([0, 1, 2, 3, 9, 8, 0, 1]);
    expect(topK.missingIn(filtered, right)).toBeUndefined();
    for (const place of [0, 3, 4, 5]) {
      const wrong = { ...right, indices: right.indices.slice() };
      wrong.indices[place] = 7;
      expect(topK.missingIn(filtered, wrong)).toBe('row 7, which is outside of where');
    }
  }
});
