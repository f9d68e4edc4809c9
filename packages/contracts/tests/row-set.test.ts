import { describe, expect, test } from 'vitest';
import { RowSet } from '../src/index.js';
import { countRows, listRows, nextRow } from '../src/row-set.js';

/** Row counts around the width of a word. */
const ROW_COUNTS = [0, 1, 31, 32, 33, 63, 64, 65, 100, 1000];

/** Rows in a fixed, irregular pattern, among them the first and the last one of many words. */
const someRows = (rowCount: number, seed = 1) =>
  Array.from({ length: rowCount }, (_, row) => row).filter(
    (row) => (row * 2654435761 * seed) % 7 < 3 || row % 32 === 31,
  );

describe('a RowSet', () => {
  test.each(ROW_COUNTS)('of %i rows contains exactly the rows that it was made from', (rowCount) => {
    const rows = someRows(rowCount);
    const set = RowSet.fromRows([...rows, ...rows].reverse(), rowCount);
    expect([...set]).toEqual(rows);
    expect(set.count()).toBe(rows.length);
    expect(set.words).toHaveLength(Math.ceil(rowCount / 32));
    expect(set.rowCount).toBe(rowCount);
    for (let row = 0; row < rowCount + 40; row++) expect(set.has(row)).toBe(rows.includes(row));
    expect(RowSet.fromPredicate(rowCount, (row) => rows.includes(row))).toEqual(set);
    expect(RowSet.fromRows(set, rowCount)).toEqual(set);
    expect(RowSet.fromRows(Uint32Array.from(rows), rowCount)).toEqual(set);
  });

  test('is empty at first, and add and delete change it', () => {
    const set = new RowSet(70);
    expect([...set]).toEqual([]);
    expect(set.add(69).add(0).add(31).add(0).add(32)).toBe(set);
    expect([...set]).toEqual([0, 31, 32, 69]);
    expect([set.delete(31), set.delete(31), set.delete(5), set.delete(500)]).toEqual([true, false, false, false]);
    expect([...set]).toEqual([0, 32, 69]);
    expect(set.count()).toBe(3);
  });

  test.each(ROW_COUNTS)('of %i rows has and, or and not as sets have, with a set of another length', (rowCount) => {
    for (const otherCount of [rowCount, 0, 20, 40, 1001]) {
      const [a, b] = [someRows(rowCount), someRows(otherCount, 3)];
      const [setA, setB] = [RowSet.fromRows(a, rowCount), RowSet.fromRows(b, otherCount)];
      const both = setA.and(setB);
      expect([...both]).toEqual(a.filter((row) => b.includes(row)));
      expect(both.rowCount).toBe(Math.min(rowCount, otherCount));
      const either = setA.or(setB);
      expect([...either]).toEqual([...new Set([...a, ...b])].sort((x, y) => x - y));
      expect(either.rowCount).toBe(Math.max(rowCount, otherCount));
    }
    const rows = someRows(rowCount);
    const others = RowSet.fromRows(rows, rowCount).not();
    expect([...others]).toEqual(Array.from({ length: rowCount }, (_, row) => row).filter((row) => !rows.includes(row)));
    expect(others.count()).toBe(rowCount - rows.length);
  });

  test('and, or and not return new sets', () => {
    const set = RowSet.fromRows([1], 4);
    const results = [set.and(set), set.or(set), set.not()];
    for (const result of results) {
      expect(result).toBeInstanceOf(RowSet);
      result.add(3);
    }
    expect([...set]).toEqual([1]);
  });

  test('ignores bits past its rows, in every method', () => {
    const set = new RowSet(35, Uint32Array.of(0, 0xffff_ffff));
    const rows = [32, 33, 34];
    expect([...set]).toEqual(rows);
    expect(set.count()).toBe(3);
    expect(set.has(35)).toBe(false);
    expect(set.delete(36)).toBe(false);
    expect([...set.or({ rowCount: 33, words: Uint32Array.of(0, 0xffff_ffff) })]).toEqual(rows);
    const wide = RowSet.fromPredicate(64, () => true);
    expect([set.and(wide), wide.and(set), set.or(new RowSet(64)), new RowSet(64).or(set)].map((s) => [...s])).toEqual([
      rows,
      rows,
      rows,
      rows,
    ]);
    expect(set.not().count()).toBe(32);
    expect(set.or(set).words).toEqual(Uint32Array.of(0, 0b111));
  });

  test('survives being posted as its data, from which the methods are made again', () => {
    const set = RowSet.fromRows([3, 40], 50);
    const posted: unknown = structuredClone(set);
    expect(posted).toEqual({ rowCount: 50, words: Uint32Array.of(8, 256) });
    const { rowCount, words } = posted as RowSet;
    expect([...new RowSet(rowCount, words)]).toEqual([3, 40]);
    expect([...set.and(posted as RowSet)]).toEqual([3, 40]);
  });

  test('shares its memory over a SharedArrayBuffer', () => {
    const memory = new SharedArrayBuffer(8);
    const [mine, theirs] = [new RowSet(64, new Uint32Array(memory)), new RowSet(64, new Uint32Array(memory))];
    mine.add(63);
    expect([...theirs]).toEqual([63]);
  });

  test('works for row numbers above 2^31', () => {
    const set = new RowSet(2 ** 31 + 64).add(2 ** 31 + 40).add(2 ** 31 - 1);
    const near = [2 ** 31 - 1, 2 ** 31, 2 ** 31 + 40];
    expect(near.map((row) => set.has(row))).toEqual([true, false, true]);
    expect(countRows(set.words, 2 ** 31 - 40, 2 ** 31 + 64)).toBe(2);
    expect(nextRow(set.words, 2 ** 31, 2 ** 31 + 64)).toBe(2 ** 31 + 40);
    expect([set.delete(2 ** 31 + 40), set.has(2 ** 31 + 40)]).toEqual([true, false]);
  });
});

test('countRows, nextRow and listRows agree with a loop over the bits, for every range', () => {
  const words = RowSet.fromRows(someRows(130), 130).words;
  const has = (row: number) => someRows(130).includes(row);
  for (let start = 0; start <= 130; start += 1) {
    for (const end of [start, start + 1, start + 31, 96, 128, 129, 130].filter((e) => e >= start && e <= 130)) {
      const rows = Array.from({ length: end - start }, (_, i) => start + i).filter(has);
      expect(countRows(words, start, end)).toBe(rows.length);
      expect(nextRow(words, start, end)).toBe(rows[0] ?? end);
      expect([...listRows(words, start, end)]).toEqual(rows);
    }
  }
});

describe('a RowSet refuses', () => {
  const set = new RowSet(10);
  test.each<[string, () => unknown, typeof TypeError | typeof RangeError, string]>([
    [
      'a rowCount of another type',
      () => new RowSet('5' as never),
      TypeError,
      "rowCount: expected an integer from 0 to 4294967296, got '5'",
    ],
    [
      'a negative rowCount',
      () => new RowSet(-1),
      RangeError,
      'rowCount: expected an integer from 0 to 4294967296, got -1',
    ],
    ['too large a rowCount', () => new RowSet(2 ** 32 + 1), RangeError, 'rowCount: expected an integer from 0 to'],
    [
      'words of another type',
      () => new RowSet(5, [1] as never),
      TypeError,
      'words: expected a Uint32Array, got an array of 1',
    ],
    [
      'too few words',
      () => new RowSet(65, new Uint32Array(2)),
      RangeError,
      'words: expected 3 elements for 65 rows, got 2',
    ],
    [
      'rows that are no list',
      () => RowSet.fromRows(5 as never, 9),
      TypeError,
      'rows: expected an array or another iterable',
    ],
    ['no rows', () => RowSet.fromRows(undefined as never, 9), TypeError, 'got undefined'],
    [
      'a listed row past the last one',
      () => RowSet.fromRows([1, 9, 3], 9),
      RangeError,
      'rows[1]: expected a row from 0 to 8, got 9',
    ],
    [
      'a listed row that is negative',
      () => RowSet.fromRows([-1], 9),
      RangeError,
      'rows[0]: expected a row from 0 to 8, got -1',
    ],
    [
      'a listed row that is no number',
      () => RowSet.fromRows(['1'] as never, 9),
      TypeError,
      "rows[0]: expected a row from 0 to 8, got '1'",
    ],
    [
      'a listed row of an empty set',
      () => RowSet.fromRows([0], 0),
      RangeError,
      'rows[0]: expected no row, because rowCount is 0, got 0',
    ],
    [
      'no predicate',
      () => RowSet.fromPredicate(9, [] as never),
      TypeError,
      'predicate: expected a function, got an array',
    ],
    [
      'an asynchronous predicate',
      () => RowSet.fromPredicate(9, (async () => false) as never),
      TypeError,
      'predicate(0): expected true or false, got a Promise; is `await` missing?',
    ],
    [
      'a predicate that returns a number',
      () => RowSet.fromPredicate(9, ((row: number) => row & 1) as never),
      TypeError,
      'predicate(0): expected true or false, got 0',
    ],
    ['to add a row past the last one', () => set.add(10), RangeError, 'row: expected a row from 0 to 9, got 10'],
    ['to add half a row', () => set.add(1.5), RangeError, 'row: expected a row from 0 to 9, got 1.5'],
    ['to add NaN', () => set.add(NaN), RangeError, 'row: expected a row from 0 to 9, got NaN'],
    [
      'to look for a row of another type',
      () => set.has('1' as never),
      TypeError,
      "row: expected an integer of at least 0, got '1'",
    ],
    ['to delete a negative row', () => set.delete(-1), RangeError, 'row: expected an integer of at least 0, got -1'],
    [
      'an array as another set',
      () => set.and([1, 2] as never),
      TypeError,
      'other: expected a RowSet, such as RowSet.fromRows(rows, matrix.rows), got an array of 2',
    ],
    ['a Set as another set', () => set.or(new Set([1]) as never), TypeError, 'other: expected a RowSet, such as'],
    ['nothing as another set', () => set.or(undefined as never), TypeError, 'other: expected a RowSet, got undefined'],
    [
      'a set without words',
      () => set.or({ rowCount: 4 } as never),
      TypeError,
      'other.words: expected a Uint32Array, got undefined',
    ],
  ])('%s', (_, call, error, message) => {
    expect(call).toThrow(error);
    expect(call).toThrow(message);
  });

  test('every use once its memory was transferred, because all rows would seem to be outside', () => {
    const gone = RowSet.fromRows([1], 10);
    structuredClone(gone.words, { transfer: [gone.words.buffer as ArrayBuffer] });
    const uses = [
      () => gone.has(1),
      () => gone.add(2),
      () => gone.delete(1),
      () => gone.count(),
      () => [...gone],
      () => gone.not(),
      () => gone.and(set),
      () => gone.or(set),
      () => set.or(gone),
    ];
    for (const use of uses)
      expect(use).toThrow(
        new TypeError(
          use === uses.at(-1)
            ? 'other.words: its buffer was detached or shrank below it'
            : 'words: its buffer was detached or shrank below it',
        ),
      );
  });
});
