import { describe, expect, test } from 'vitest';
import {
  createMatrix,
  createTopKOutput,
  prepareCosineSimilarity,
  prepareTopK,
  RowSet,
  type CosineSimilarityRequest,
  type RowSetLike,
  type TopKRequest,
  type VectorMatrix,
} from '../src/index.js';
import { cosineSimilarity } from '../src/operations/cosine-similarity.js';
import { topK } from '../src/operations/top-k.js';

const ROWS = 100;
const matrix = (): VectorMatrix => createMatrix(new Float32Array(2 * ROWS).fill(1), { dimensions: 2 });
const query = () => Float32Array.of(1, 2);
const ranking = (changes: Partial<TopKRequest> = {}): TopKRequest => ({
  operation: 'top-k',
  query: query(),
  matrix: matrix(),
  k: 5,
  ...changes,
});
const scoring = (changes: Partial<CosineSimilarityRequest> = {}): CosineSimilarityRequest => ({
  operation: 'cosine-similarity',
  query: query(),
  matrix: matrix(),
  ...changes,
});
/** A plain object, which is checked again. */
const copyOf = <T extends object>(request: T): T => Object.assign({}, request);
const rowsOf = (set: RowSetLike | undefined) => set && [...new RowSet(set.rowCount, set.words)];

describe('where', () => {
  const where = RowSet.fromRows([3, 31, 32, 99], ROWS);

  test('sets the number of considered rows and of entries, within the range', () => {
    expect(prepareTopK(ranking({ where }))).toMatchObject({ rowsConsidered: 4, count: 4, outputLength: 4 });
    expect(prepareTopK(ranking({ where, k: 3 })).count).toBe(3);
    expect(prepareTopK(ranking({ where, start: 4, end: 99 }))).toMatchObject({ rowsConsidered: 2, count: 2 });
    expect(prepareTopK(ranking({ where, start: 33, end: 99 }))).toMatchObject({ rowsConsidered: 0, outputLength: 0 });
    expect(prepareCosineSimilarity(scoring({ where, start: 32 }))).toMatchObject({
      rowsConsidered: 2,
      outputLength: 68,
    });
  });

  test('is read when the request is made: its memory and that of a shared set may change later', () => {
    for (const words of [where.words.slice(), new Uint32Array(new SharedArrayBuffer(16))]) {
      const set = new RowSet(ROWS, words).add(3);
      for (const prepared of [prepareTopK(ranking({ where: set })), prepareCosineSimilarity(scoring({ where: set }))]) {
        const before = rowsOf(prepared.where);
        set.add(50);
        expect(rowsOf(prepared.where)).toEqual(before);
        set.delete(50);
      }
    }
  });

  test('covers exactly the rows of the matrix in a prepared request, whatever its own length and stray bits', () => {
    const short = { rowCount: 35, words: Uint32Array.of(1, 0xffff_ffff) };
    const { where: rows } = prepareTopK(ranking({ where: short }));
    expect(rows).toEqual({ rowCount: ROWS, words: Uint32Array.of(1, 0b111, 0, 0) });
    expect(prepareTopK(ranking({ where: { rowCount: 0, words: new Uint32Array(0) } })).count).toBe(0);
  });

  test('is left out of a prepared request when every row of the range is in it', () => {
    const all = RowSet.fromPredicate(ROWS, () => true);
    expect(prepareTopK(ranking({ where: all })).where).toBeUndefined();
    expect(prepareCosineSimilarity(scoring({ where: all })).where).toBeUndefined();
    expect(prepareTopK(ranking({ where, start: 31, end: 33 })).where).toBeUndefined();
  });

  test('filters the candidates, in their order, into memory of their own', () => {
    const candidates = Uint32Array.of(99, 98, 3, 0);
    const prepared = prepareTopK(ranking({ where, candidates }));
    expect(prepared).toMatchObject({
      candidates: Uint32Array.of(99, 3),
      where: undefined,
      rowsConsidered: 2,
      count: 2,
    });
    candidates[0] = 5;
    expect(prepared.candidates).toEqual(Uint32Array.of(99, 3));
    expect(() => prepareTopK(ranking({ where, candidates: Uint32Array.of(98, 98) }))).toThrow(
      'is already candidates[0]',
    );
  });

  test('stays the same in a copy of a prepared request, and in its parts', () => {
    for (const prepared of [
      prepareTopK(ranking({ where, k: 50 })),
      prepareTopK(ranking({ where, k: 50, minScore: 0.5 })),
    ]) {
      expect(prepareTopK(copyOf(prepared))).toEqual(prepared);
      const part = topK.part(prepared, 10, 40);
      expect(part).toMatchObject({ start: 10, end: 40, rowsConsidered: 2, count: 2, minScore: prepared.minScore });
      expect(topK.part(prepared, 40, 50)).toMatchObject({ rowsConsidered: 0, outputLength: 0 });
    }
    const scores = prepareCosineSimilarity(scoring({ where, start: 2 }));
    expect(prepareCosineSimilarity(copyOf(scores))).toEqual(scores);
    expect(cosineSimilarity.part(scores, 1, 30)).toMatchObject({ start: 3, end: 32, rowsConsidered: 2 });
    const named = prepareTopK(ranking({ where, candidates: Uint32Array.of(99, 98, 3, 0) }));
    expect(topK.part(named, 1, 2)).toMatchObject({ candidates: Uint32Array.of(3), count: 1 });
  });

  test.each<[string, unknown, typeof TypeError | typeof RangeError, string]>([
    [
      'an array of rows',
      [1, 2],
      TypeError,
      'where: expected a RowSet, such as RowSet.fromRows(rows, matrix.rows), got an array of 2 elements',
    ],
    [
      'words alone',
      Uint32Array.of(1),
      TypeError,
      'where: expected a RowSet, such as RowSet.fromRows(rows, matrix.rows), got Uint32Array of 1',
    ],
    ['a Set', new Set([1]), TypeError, 'where: expected a RowSet, such as'],
    ['null', null, TypeError, 'where: expected a RowSet, got null'],
    ['a predicate', () => true, TypeError, 'where: expected a RowSet, got a function'],
    ['a Promise', Promise.resolve(), TypeError, 'where: expected a RowSet, got a Promise; is `await` missing?'],
    [
      'no rowCount',
      { words: Uint32Array.of(1) },
      TypeError,
      'where.rowCount: expected an integer of at least 0, got undefined',
    ],
    [
      'half a row',
      { rowCount: 1.5, words: Uint32Array.of(1) },
      RangeError,
      'where.rowCount: expected an integer of at least 0, got 1.5',
    ],
    [
      'more rows than the matrix',
      new RowSet(101),
      RangeError,
      'where.rowCount: expected at most 100, the number of rows, got 101',
    ],
    [
      'words of another type',
      { rowCount: 3, words: [1] },
      TypeError,
      'where.words: expected a Uint32Array, got an array of 1 elements',
    ],
    [
      'too few words',
      { rowCount: 33, words: Uint32Array.of(1) },
      RangeError,
      'where.words: expected 2 elements for 33 rows, got 1',
    ],
    [
      'too many words',
      { rowCount: 3, words: Uint32Array.of(1, 1) },
      RangeError,
      'where.words: expected 1 elements for 3 rows, got 2',
    ],
  ])('is refused when it is %s', (_, value, error, message) => {
    for (const prepare of [
      () => prepareTopK(ranking({ where: value as never })),
      () => prepareCosineSimilarity(scoring({ where: value as never })),
    ]) {
      expect(prepare).toThrow(error);
      expect(prepare).toThrow(message);
    }
  });

  test('is refused once its memory was transferred', () => {
    const gone = RowSet.fromRows([1], ROWS);
    structuredClone(gone.words, { transfer: [gone.words.buffer as ArrayBuffer] });
    expect(() => prepareTopK(ranking({ where: gone }))).toThrow(
      new TypeError('where.words: its buffer was detached or shrank below it'),
    );
  });
});

describe('removed rows', () => {
  const removed = { rowCount: 40, words: Uint32Array.of(0b1011, 0xffff_ffff) };
  const withRemoved = (changes: object = { removed }) => Object.assign(matrix(), changes);

  test('are left out of every request', () => {
    const given = withRemoved();
    expect(prepareTopK(ranking({ matrix: given }))).toMatchObject({ rowsConsidered: 100 - 3 - 8, count: 5 });
    expect(rowsOf(prepareCosineSimilarity(scoring({ matrix: given, end: 41 })).where)?.slice(0, 3)).toEqual([2, 4, 5]);
    expect(prepareTopK(ranking({ matrix: given, candidates: Uint32Array.of(3, 2, 0, 99) })).candidates).toEqual(
      Uint32Array.of(2, 99),
    );
    const where = RowSet.fromRows([0, 2, 39, 40], 50);
    expect(rowsOf(prepareTopK(ranking({ matrix: given, where })).where)).toEqual([2, 40]);
  });

  test('share one set between the requests until another set of removed rows is there', () => {
    const given = withRemoved();
    const [a, b] = [prepareTopK(ranking({ matrix: given })), prepareCosineSimilarity(scoring({ matrix: given }))];
    expect(a.where).toBe(b.where);
    const more = prepareTopK(ranking({ matrix: { ...given, removed: RowSet.fromRows([7], ROWS) } }));
    expect(more.rowsConsidered).toBe(99);
    expect(prepareTopK(ranking({ matrix: { ...given, removed: undefined } })).where).toBeUndefined();
    const grown = createMatrix(new Float32Array(400), { dimensions: 2 });
    expect(prepareTopK(ranking({ matrix: { ...grown, removed } })).rowsConsidered).toBe(200 - 3 - 8);
  });

  test('may come from an accessor of the class of the matrix, and not from a polluted Object.prototype', () => {
    class Handle {
      get removed() {
        return removed;
      }
    }
    const handle = Object.assign(new Handle(), matrix());
    expect(prepareTopK(ranking({ matrix: handle })).rowsConsidered).toBe(89);
    const prototype = Object.prototype as Record<string, unknown>;
    prototype['removed'] = removed;
    try {
      expect(prepareTopK(ranking()).rowsConsidered).toBe(100);
    } finally {
      Reflect.deleteProperty(prototype, 'removed');
    }
  });

  test('are checked like where', () => {
    for (const [value, message] of [
      [new RowSet(101), 'matrix.removed.rowCount: expected at most 100, the number of rows, got 101'],
      [{ rowCount: 3, words: [] }, 'matrix.removed.words: expected a Uint32Array, got an array of 0 elements'],
      [[1], 'matrix.removed: expected a RowSet, such as'],
    ] as const) {
      expect(() => prepareTopK(ranking({ matrix: withRemoved({ removed: value }) }))).toThrow(message);
    }
  });
});

describe('minScore', () => {
  test('is rounded to float32 like the scores', () => {
    expect(prepareTopK(ranking({ minScore: 0.7 })).minScore).toBe(Math.fround(0.7));
    expect(prepareTopK(ranking({ minScore: -Infinity })).minScore).toBe(-Infinity);
    expect(prepareTopK(ranking()).minScore).toBeUndefined();
  });

  test.each<[unknown, typeof TypeError | typeof RangeError, string]>([
    [NaN, RangeError, 'minScore: expected a number that is not NaN, got NaN'],
    ['0.5', TypeError, "minScore: expected a number, got '0.5'"],
    [null, TypeError, 'minScore: expected a number, got null'],
  ])('%s is refused', (minScore, error, message) => {
    const prepare = () => prepareTopK(ranking({ minScore: minScore as never }));
    expect(prepare).toThrow(error);
    expect(prepare).toThrow(message);
  });

  test('of several queries needs counts in the output, which a new output has', () => {
    const twoQueries = { query: Float32Array.of(1, 2, 3, 4), queries: 2, minScore: 0.5, k: 2 };
    const prepared = prepareTopK(ranking(twoQueries));
    const output = createTopKOutput(prepared);
    expect(output.counts).toEqual(new Uint32Array(2));
    expect(topK.requireOutput(prepared, output)).toBe(output);
    expect(topK.outputLike(output).counts).toEqual(new Uint32Array(2));
    expect('counts' in createTopKOutput(prepareTopK(ranking({ ...twoQueries, minScore: undefined })))).toBe(false);
    expect('counts' in createTopKOutput(prepareTopK(ranking({ minScore: 0.5 })))).toBe(false);
    const { counts: _, ...without } = output;
    expect(() => topK.requireOutput(prepared, without)).toThrow('output.counts: expected a Uint32Array, got undefined');
    expect(() => topK.requireOutput(prepared, { ...output, counts: new Uint32Array(1) })).toThrow(
      'output.counts: expected at least 2 elements, got 1',
    );
    expect(() => topK.requireOutput(prepared, { ...output, counts: output.indices })).toThrow(
      'output.counts: expected memory of its own',
    );
  });
});
