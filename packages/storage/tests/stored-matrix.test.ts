import type { Elements } from '@gearshift/contracts';
import { describe, expect, it } from 'vitest';
import { initControl } from '../src/control.js';
import { REMOVED_ROW, StoredMatrix, type StoredHandle } from '../src/index.js';
import { countingNative } from './fixtures/counting-native.js';

const FLAT = new Float32Array([1, 0, 0, 1, 3, 4]);

function create(values = FLAT, dimensions = 2): StoredMatrix {
  return StoredMatrix.create(values.length / dimensions, { dimensions }, (memory) => memory.set(values));
}

/** Rows as spans. Those with a gap of at most 8 rows become one. */
function spansOf(rows: readonly number[]): readonly { start: number; end: number }[] {
  const spans: { start: number; end: number }[] = [];
  for (const row of rows.toSorted((a, b) => a - b)) {
    const last = spans.at(-1);
    if (last !== undefined && row <= last.end + 8) last.end = Math.max(last.end, row + 1);
    else spans.push({ start: row, end: row + 1 });
  }
  return spans;
}

const lists = (values: ArrayLike<number> & Iterable<number>) => [...values];

describe('a stored matrix', () => {
  it('holds a copy of the values, on a page of its own', () => {
    const matrix = create();
    expect(matrix.values).toEqual(FLAT);
    expect(matrix.values.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(matrix.values.byteOffset).toBe(0);
    expect([matrix.version, matrix.rows, matrix.liveRows, matrix.dimensions]).toEqual([1, 3, 3, 2]);
  });

  it('grows in place, so that older views stay valid', async () => {
    const matrix = create();
    const before = matrix.values;
    expect(await matrix.append([[5, 6]])).toEqual({ start: 3, end: 4 });
    expect(await matrix.append(new Float32Array([7, 8, 9, 10]))).toEqual({ start: 4, end: 6 });
    expect(lists(matrix.values)).toEqual([1, 0, 0, 1, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(before.buffer).toBe(matrix.values.buffer);
    expect(before).toEqual(FLAT);
    expect([matrix.version, matrix.rows]).toEqual([3, 6]);
  });

  it('grows from nothing', async () => {
    const matrix = StoredMatrix.create(0, { dimensions: 3 }, () => {});
    expect(matrix.values).toHaveLength(0);
    for (let i = 0; i < 5000; i++) await matrix.append([[i, i, i]]);
    expect(matrix.rows).toBe(5000);
    expect(lists(matrix.row(4999))).toEqual([4999, 4999, 4999]);
  });

  it('replaces rows', async () => {
    const matrix = create();
    await matrix.update(1, [8, 9]);
    await matrix.update({ start: 1, rows: new Float32Array([5, 5, 6, 6]) });
    expect(lists(matrix.values)).toEqual([1, 0, 5, 5, 6, 6]);
    expect(matrix.version).toBe(3);
  });

  it('removes rows without renumbering the others', async () => {
    const matrix = create();
    await matrix.remove(1);
    await matrix.remove([1, 2]);
    expect([matrix.rows, matrix.liveRows]).toEqual([3, 1]);
    expect(matrix.removed).toEqual({ rowCount: 3, words: new Uint32Array([0b110]) });
    expect(lists(matrix.row(1))).toEqual([0, 1]);
  });

  it('compacts, and tells the new numbers of the rows', async () => {
    const matrix = create(new Float32Array([0, 0, 1, 1, 2, 2, 3, 3, 4, 4]));
    await matrix.remove([0, 3]);
    const before = matrix.version;
    expect(lists((await matrix.compact()) as never)).toEqual([REMOVED_ROW, 0, 1, REMOVED_ROW, 2]);
    expect(lists(matrix.values)).toEqual([1, 1, 2, 2, 4, 4]);
    expect([matrix.rows, matrix.liveRows, matrix.removed]).toEqual([3, 3, undefined]);
    expect(matrix.version).toBeGreaterThan(before);
    await matrix.append([[9, 9]]);
    expect(lists(matrix.row(3))).toEqual([9, 9]);
  });
});

describe('a pinned version', () => {
  it('keeps its contents while the matrix changes', async () => {
    const matrix = create();
    using pinned = matrix.pin();
    await matrix.update(0, [7, 7]);
    await matrix.update(0, [8, 8]);
    await matrix.append([[9, 9]]);
    await matrix.remove(2);
    expect([pinned.version, pinned.rows, pinned.removed]).toEqual([1, 3, undefined]);
    expect([matrix.version, matrix.rows, matrix.liveRows]).toEqual([5, 4, 3]);
    const row = new Float32Array(2);
    expect(pinned.snapshot?.isIntact(1, 3)).toBe(true);
    expect(pinned.snapshot?.isIntact(0, 1)).toBe(false);
    pinned.snapshot?.readRow(0, row);
    expect(lists(row)).toEqual([1, 0]);
    using later = matrix.pin();
    later.snapshot?.readRow(0, row);
    expect(lists(row)).toEqual([8, 8]);
    expect(later.removed?.words[0]).toBe(0b100);
  });

  it('keeps each of several versions apart', async () => {
    const matrix = create();
    const pins = [];
    for (let i = 0; i < 40; i++) {
      pins.push(matrix.pin());
      await matrix.update(i % 3, [i, i]);
    }
    const row = new Float32Array(2);
    pins.forEach((pinned, i) => {
      for (let r = 0; r < 3; r++) {
        // The newest update of the row before version i + 1.
        let last = i - 1;
        while (last >= 0 && last % 3 !== r) last -= 1;
        pinned.snapshot?.readRow(r, row);
        expect(lists(row)).toEqual(last < 0 ? lists(FLAT.subarray(2 * r, 2 * r + 2)) : [last, last]);
      }
      if (i % 2 === 0) pinned[Symbol.dispose]();
    });
  });

  it('survives a compaction', async () => {
    const matrix = create();
    using pinned = matrix.pin();
    await matrix.update(2, [5, 5]);
    await matrix.remove(0);
    await matrix.compact();
    const row = new Float32Array(2);
    pinned.snapshot?.readRow(2, row);
    expect(lists(row)).toEqual([3, 4]);
    expect(pinned.rows).toBe(3);
  });

  it('tells which rows a copy of an earlier version has to replace', async () => {
    const rows = 100;
    const matrix = create(new Float32Array(rows * 2));
    await matrix.update(3, [1, 1]);
    const since = matrix.version;
    await matrix.update(50, [1, 1]);
    await matrix.append([[1, 1]]);
    await matrix.update(52, [1, 1]);
    await matrix.remove(1);
    expect(matrix.snapshot?.rowsChangedSince(since)).toEqual([
      { start: 50, end: 53 },
      { start: 100, end: 101 },
    ]);
    expect(matrix.snapshot?.rowsChangedSince(1)).toHaveLength(3);
    expect(matrix.snapshot?.rowsChangedSince(matrix.version)).toEqual([]);
    expect(matrix.snapshot?.rowsChangedSince(matrix.version + 1)).toBeUndefined();
    await matrix.compact();
    expect(matrix.snapshot?.rowsChangedSince(since)).toBeUndefined();
  });

  it('tells the rows of the last ten changes without reading the stamps of all rows', async () => {
    const matrix = create(new Float32Array(1000), 1);
    for (let i = 0; i < 10; i++) await matrix.update({ start: 900 - 100 * i, rows: new Float32Array(i + 1) });
    new Int32Array(matrix.stored.stamps).fill(0);
    expect(matrix.snapshot?.rowsChangedSince(1)).toEqual(
      Array.from({ length: 10 }, (_, i) => ({ start: 100 * i, end: 100 * i + 10 - i })),
    );
    await matrix.append([[1], [2]]);
    expect(matrix.snapshot?.rowsChangedSince(10)).toEqual([
      { start: 0, end: 10 },
      { start: 1000, end: 1002 },
    ]);
    // The eleventh change before is no longer known.
    expect(matrix.snapshot?.rowsChangedSince(1)).toEqual([{ start: 1000, end: 1002 }]);
  });

  it('tells the changed rows of a pinned version after later changes', async () => {
    const matrix = create(new Float32Array(1000), 1);
    await matrix.update(500, [1]);
    await matrix.update(100, [1]);
    using pinned = matrix.pin();
    await matrix.update(900, [1]);
    expect(pinned.snapshot?.rowsChangedSince(2)).toEqual([
      { start: 100, end: 101 },
      { start: 900, end: 901 },
    ]);
  });

  it.each([1, 2 ** 30 - 20, 2 ** 31 - 20])(
    'tells which rows changed since each of the last versions, from version %s on',
    async (first) => {
      const matrix = create(new Float32Array(1000), 1);
      initControl(matrix.stored.control, { version: first, rows: 1000, removedRows: 0 }, 0);
      const changed: { readonly version: number; readonly rows: readonly number[] }[] = [];
      for (let i = 0; i < 60; i++) {
        const start = (i * 379) % 900;
        const count = i % 4;
        let rows = Array.from({ length: count }, (_, place) => start + place);
        if (i % 5 === 0) rows = [(await matrix.append([[i]])).start];
        else if (count === 0) await matrix.remove(start);
        else await matrix.update({ start, rows: new Float32Array(count) });
        changed.push({ version: matrix.version, rows });
        for (const { version } of changed) {
          const wanted = changed.filter((change) => change.version > version).flatMap((change) => change.rows);
          expect(matrix.snapshot?.rowsChangedSince(version)).toEqual(spansOf(wanted));
        }
      }
    },
  );
});

describe('the pages of a matrix', () => {
  const rows = 100_000;
  const rowsPerPage = 1024;

  // Elsewhere the pages that a process has touched are not counted, or are larger.
  it.skipIf(process.platform !== 'linux')(
    'are touched when room for changes is made, so that the update of a row touches no new one',
    async () => {
      const touched: number[] = [];
      for (let attempt = 0; attempt < 10; attempt++) {
        const matrix = create(new Float32Array(rows), 1);
        await matrix.update(0, [1]);
        const before = process.resourceUsage().minorPageFault;
        for (let row = 0; row < rows; row += rowsPerPage) await matrix.update(row, [1]);
        touched.push(process.resourceUsage().minorPageFault - before);
      }
      // Other work of the process touches pages, too, but not each time.
      expect(Math.min(...touched)).toBeLessThan(rows / rowsPerPage / 2);
    },
  );
});

describe('a handle in another thread', () => {
  it('carries no rows and reads the newest version', async () => {
    const matrix = create();
    const handle = structuredClone(matrix) as unknown as StoredHandle;
    expect(Object.keys(handle).sort()).toEqual(['dimensions', 'id', 'rows', 'stored', 'version']);
    await matrix.update(0, [6, 6]);
    const attached = StoredMatrix.attach(handle, {});
    expect(lists(attached.row(0))).toEqual([6, 6]);
    expect(attached.id).toBe(matrix.id);
    await expect(attached.update(0, [1, 1])).rejects.toThrow(/only the thread that created it can change it/);
    await expect(attached.compact()).rejects.toThrow(/only the thread that created it/);
    await matrix.remove(1);
    await matrix.compact();
    expect(() => attached.row(0)).toThrow(/another thread has compacted it/);
  });

  it('throws once the owner has disposed the matrix', async () => {
    const matrix = create();
    const attached = StoredMatrix.attach(structuredClone(matrix), {});
    await matrix[Symbol.asyncDispose]();
    await matrix[Symbol.asyncDispose]();
    for (const use of [() => attached.values, () => attached.row(0), () => attached.pin(), () => matrix.values]) {
      expect(use).toThrow(new TypeError('matrix is disposed'));
    }
    await expect(matrix.append([[1, 1]])).rejects.toThrow('matrix is disposed');
  });
});

describe('the place of a thread among the readers', () => {
  const placesOf = ({ stored }: StoredMatrix) => {
    const control = stored.control;
    return Array.from({ length: 480 }, (_, i) => control[64 + 2 * i]).filter((owner) => owner !== 0).length;
  };
  it('is kept for a request under way when the handle is disposed, and given back when that ends', async () => {
    const matrix = create();
    const attached = StoredMatrix.attach(structuredClone(matrix), {});
    const version = attached.acquire();
    await attached[Symbol.asyncDispose]();
    await matrix.update(0, [7, 7]);
    const row = new Float32Array(2);
    version.operand.snapshot?.readRow(0, row);
    expect(lists(row)).toEqual([1, 0]);
    expect(placesOf(matrix)).toBe(1);
    version.release();
    expect(placesOf(matrix)).toBe(0);
    expect([matrix.version, lists(matrix.row(0))]).toEqual([2, [7, 7]]);
  });

  it('is given back by dispose() and compact(), with the guard of native code', async () => {
    const { guards, native } = countingNative();
    const memory = (values: Elements) => values.set(FLAT);
    for (let round = 0; round < 20; round++) {
      const matrix = StoredMatrix.create(3, { dimensions: 2, native }, memory);
      expect(lists(matrix.row(1))).toEqual([0, 1]);
      await matrix.compact();
      expect(lists(matrix.row(1))).toEqual([0, 1]);
      const version = matrix.acquire();
      await matrix[Symbol.asyncDispose]();
      expect(guards.size).toBe(1);
      version.release();
      expect(guards.size).toBe(0);
    }
  });

  it('is given back by a thread that finds the matrix disposed', async () => {
    const { guards, native } = countingNative();
    const matrix = StoredMatrix.create(3, { dimensions: 2 }, (values) => values.set(FLAT));
    const attached = StoredMatrix.attach(structuredClone(matrix), { native });
    expect(lists(attached.row(0))).toEqual([1, 0]);
    expect(guards.size).toBe(1);
    await matrix[Symbol.asyncDispose]();
    expect(() => attached.row(0)).toThrow('matrix is disposed');
    expect(guards.size).toBe(0);
  });
});

describe('wrong arguments', () => {
  it.each([2 ** 40, 2 ** 52])('a matrix of %d rows is refused, because it cannot fit in memory', (rows) => {
    const create = () => StoredMatrix.create(rows, { dimensions: 1024 }, () => {});
    expect(create).toThrow(RangeError);
    expect(create).toThrow('rows: expected as many as fit in memory');
  });

  it.each([
    [(matrix: StoredMatrix) => matrix.append([[1]]), RangeError, 'rows[0]: expected a row of 2 elements, got 1'],
    [(matrix: StoredMatrix) => matrix.append(new Float32Array(3)), RangeError, 'rows: expected a whole number of rows'],
    [(matrix: StoredMatrix) => matrix.append('no' as never), TypeError, 'rows: expected a Float32Array or an array'],
    [(matrix: StoredMatrix) => matrix.append([[1, 'x' as never]]), TypeError, 'rows[0][1]: expected a number'],
    [(matrix: StoredMatrix) => matrix.update(3, [1, 1]), RangeError, 'row: expected an integer from 0 to 2, got 3'],
    [(matrix: StoredMatrix) => matrix.update(0, [1]), RangeError, 'values: expected 2 elements, got 1'],
    [(matrix: StoredMatrix) => matrix.update(0), TypeError, 'values: expected a Float32Array or an array of numbers'],
    [
      (matrix: StoredMatrix) =>
        matrix.update({
          start: 2,
          rows: [
            [1, 1],
            [2, 2],
          ],
        }),
      RangeError,
      'start: expected an integer from 0 to 1',
    ],
    [(matrix: StoredMatrix) => matrix.update({ start: 0, row: [] } as never), TypeError, "'row' is not an option"],
    [(matrix: StoredMatrix) => matrix.remove(3), RangeError, 'rows: expected an integer from 0 to 2, got 3'],
    [
      (matrix: StoredMatrix) => matrix.remove([0, 1.5]),
      RangeError,
      'rows[1]: expected an integer from 0 to 2, got 1.5',
    ],
    [(matrix: StoredMatrix) => matrix.remove('1' as never), TypeError, 'rows: expected a row number'],
  ])('are refused and change nothing: %s', async (call, type, message) => {
    const matrix = create();
    const error: unknown = await call(matrix).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(type);
    expect(String(error)).toContain(message);
    expect([matrix.version, lists(matrix.values)]).toEqual([1, lists(FLAT)]);
  });
});
