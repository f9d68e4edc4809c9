import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FormatError, listEntries, openVectors } from '../src/index.js';
import { fixture, FIXTURE_INTEGERS, FIXTURE_VALUES, readAll } from './read-all.js';
import { temporaryFolder } from './temporary-folder.js';

const IDS = ['id-0', 'id-1', 'id-2', 'id-3', 'id-4', 'id-5'];
const COLUMNS = {
  id: IDS,
  number: IDS.map((_, row) => 2n ** 60n + BigInt(row)),
  tenant: ['red', 'green', null, 'red', 'green', 'blue'],
  flag: [true, false, null, true, false, true],
  score: [0.5, null, 1.5, 2.5, 3.5, 4.5],
};

describe('reading Arrow files and streams of pyarrow', () => {
  test.each(['file.arrow', 'stream.arrows', 'lz4.arrow', 'zstd.arrow', 'default.feather'])(
    'reads the vectors and the columns beside them: %s',
    async (name) => {
      for (const maxRows of [1, 3, 4, 100]) {
        const contents = await readAll(fixture(name), { columns: Object.keys(COLUMNS) }, maxRows);
        expect(contents).toMatchObject({ rows: 6, dimensions: 4, dtype: 'float32', values: FIXTURE_VALUES });
        expect(contents.columns).toEqual(COLUMNS);
      }
    },
  );

  test.each([
    ['list.arrow', 'float64', FIXTURE_VALUES],
    ['large-list.arrow', 'float64', FIXTURE_VALUES],
    ['half.arrow', 'float16', FIXTURE_VALUES],
    ['int8.arrow', 'int8', FIXTURE_INTEGERS],
    ['views.arrow', 'float32', FIXTURE_VALUES],
  ])('reads lists of other types: %s', async (name, dtype, values) => {
    expect(await readAll(fixture(name), { column: 'vector' }, 3)).toMatchObject({
      rows: 6,
      dimensions: 4,
      dtype,
      values,
    });
  });

  test.each(['polars.arrow', 'polars-zstd.arrow'])('reads files of Polars: %s', async (name) => {
    const contents = await readAll(fixture(name), { columns: ['id'] }, 4);
    expect(contents).toMatchObject({ rows: 6, values: FIXTURE_VALUES, columns: { id: IDS } });
  });

  test('reads large strings, and views of short and long strings', async () => {
    expect((await readAll(fixture('large-list.arrow'), { columns: ['id'] })).columns).toEqual({ id: IDS });
    const strings = ['short', 'a string that is longer than twelve bytes', null];
    expect((await readAll(fixture('views.arrow'), { columns: ['id'] })).columns).toEqual({
      id: [...strings, ...strings],
    });
  });

  test('knows the number of rows only at the end', async () => {
    await using file = await openVectors(fixture('file.arrow'));
    expect(file).toMatchObject({ rows: undefined, details: { column: 'vector' } });
  });

  test('lists the columns with their types', async () => {
    expect(await listEntries(fixture('file.arrow'))).toEqual([
      { name: 'id', type: 'Utf8', shape: undefined },
      { name: 'number', type: 'Int64', shape: undefined },
      { name: 'tenant', type: 'Dictionary<Utf8>', shape: undefined },
      { name: 'flag', type: 'Bool', shape: undefined },
      { name: 'score', type: 'Float32', shape: undefined },
      { name: 'vector', type: 'FixedSizeList<Float32>[4]', shape: undefined },
    ]);
  });

  test('recognizes a file and a stream by their first bytes', async () => {
    const folder = await temporaryFolder({
      a: await readFile(fixture('file.arrow')),
      b: await readFile(fixture('stream.arrows')),
    });
    for (const name of ['a', 'b']) expect((await readAll(join(folder, name))).rows).toBe(6);
  });

  test.each<[string, string, object, string, string]>([
    ['a null vector', 'null-row.arrow', {}, 'unsupported', "column 'vector' is null in row 5"],
    [
      'vectors of several lengths',
      'ragged.arrow',
      {},
      'unsupported',
      "row 5 of column 'vector' has 2 elements, expected 4",
    ],
    [
      'a column that is not there',
      'file.arrow',
      { column: 'x' },
      'not-found',
      "no column 'x'; there are 'id', 'number'",
    ],
    [
      'a column without lists',
      'file.arrow',
      { column: 'id' },
      'unsupported',
      "column 'id' has the type Utf8, expected a list",
    ],
    [
      'a list beside the vectors',
      'file.arrow',
      { columns: ['vector'] },
      'unsupported',
      'expected text, numbers or booleans',
    ],
    ['an unknown column beside the vectors', 'file.arrow', { columns: ['x'] }, 'not-found', "no column 'x'"],
  ])('rejects %s', async (_name, name, options, kind, message) => {
    const failure = await readAll(fixture(name), options).then(undefined, (error: unknown) => error);
    expect(failure).toBeInstanceOf(FormatError);
    expect((failure as Error).message).toContain(message);
    expect(failure).toMatchObject({ kind, format: 'arrow' });
  });
});

describe('damaged Arrow files', () => {
  async function outcome(bytes: Uint8Array): Promise<FormatError | number> {
    const path = join(await temporaryFolder({ 'v.arrow': bytes }), 'v.arrow');
    return await readAll(path).then(
      ({ rows }) => rows,
      (error: unknown) => error as FormatError,
    );
  }

  test.each([
    ['an empty file', Buffer.alloc(0), 'foreign', 'fewer than 8 bytes'],
    ['zeros', Buffer.alloc(100), 'truncated', 'there is no schema'],
    ['text', Buffer.from('words and words and words'), 'foreign', 'does not begin with a message'],
    ['a magic alone', Buffer.from('ARROW1\0\0'), 'truncated', 'does not end with ARROW1'],
    [
      'a footer beyond the file',
      Buffer.from('ARROW1\0\0\xff\xff\xff\x7fARROW1', 'latin1'),
      'damaged',
      'a footer of 2147483647 bytes',
    ],
    ['a negative footer', Buffer.from('ARROW1\0\0\xff\xff\xff\xffARROW1', 'latin1'), 'damaged', 'a footer of -1 bytes'],
    [
      'metadata beyond the file',
      Buffer.from('\xff\xff\xff\xff\x00\x10\x00\x00', 'latin1'),
      'truncated',
      'ends in a message',
    ],
    [
      'huge metadata',
      Buffer.from('\xff\xff\xff\xff\x00\x00\x00\x7f', 'latin1'),
      'too-large',
      'metadata of 2130706432 bytes',
    ],
    [
      'a root table beyond the metadata',
      Buffer.from('\xff\xff\xff\xff\x08\x00\x00\x00\xff\xff\xff\xff\x00\x00\x00\x00', 'latin1'),
      'damaged',
      'refers to bytes outside of it',
    ],
  ])('rejects %s', async (_name, bytes, kind, message) => {
    const failure = await outcome(bytes);
    expect(failure).toBeInstanceOf(FormatError);
    expect(failure).toMatchObject({ kind });
    expect((failure as FormatError).message).toContain(message);
  });

  test('a stream that is cut anywhere is an error, or ends after a complete message', async () => {
    const bytes = await readFile(fixture('stream.arrows'));
    for (let length = 0; length < bytes.length; length++) {
      const result = await outcome(bytes.subarray(0, length));
      if (typeof result === 'number') expect([0, 4, 6]).toContain(result);
      else expect(result, `cut at ${length}: ${String(result)}`).toBeInstanceOf(FormatError);
    }
  });

  test('a file that is cut anywhere is an error', async () => {
    const bytes = await readFile(fixture('file.arrow'));
    for (let length = 0; length < bytes.length; length += 3) {
      expect(await outcome(bytes.subarray(0, length)), `cut at ${length}`).toBeInstanceOf(FormatError);
    }
  });
});
