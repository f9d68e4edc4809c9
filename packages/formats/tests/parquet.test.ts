import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FormatError, listEntries, openVectors } from '../src/index.js';
import { decodeDelta } from '../src/parquet/delta.js';
import { decodeHybrid } from '../src/parquet/hybrid.js';
import { ThriftReader } from '../src/parquet/thrift.js';
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

describe('reading Parquet files of pyarrow', () => {
  test.each(['none', 'snappy', 'gzip', 'brotli', 'zstd', 'lz4', 'plain', 'v2', 'small-pages', 'split'])(
    'reads the vectors and the columns beside them: %s.parquet',
    async (name) => {
      for (const maxRows of [1, 3, 4, 100]) {
        const contents = await readAll(fixture(`${name}.parquet`), { columns: Object.keys(COLUMNS) }, maxRows);
        expect(contents).toMatchObject({ rows: 6, dimensions: 4, dtype: 'float32', values: FIXTURE_VALUES });
        expect(contents.columns).toEqual(COLUMNS);
      }
    },
  );

  test.each([
    ['list.parquet', 'float64', FIXTURE_VALUES],
    ['half.parquet', 'float16', FIXTURE_VALUES],
    ['int8.parquet', 'int8', FIXTURE_INTEGERS],
  ])('reads lists of other types: %s', async (name, dtype, values) => {
    expect(await readAll(fixture(name), {}, 4)).toMatchObject({ rows: 6, dimensions: 4, dtype, values });
  });

  test.each(['polars.parquet', 'duckdb.parquet'])('reads files of Polars and DuckDB: %s', async (name) => {
    const contents = await readAll(fixture(name), { columns: ['id'] }, 4);
    expect(contents).toMatchObject({ rows: 6, values: FIXTURE_VALUES, columns: { id: IDS } });
  });

  test('lists the columns with their types, and recognizes the format by its first bytes', async () => {
    expect(await listEntries(fixture('plain.parquet'))).toEqual([
      { name: 'id', type: 'BYTE_ARRAY (text)', shape: undefined },
      { name: 'number', type: 'INT64', shape: undefined },
      { name: 'tenant', type: 'BYTE_ARRAY (text)', shape: undefined },
      { name: 'flag', type: 'BOOLEAN', shape: undefined },
      { name: 'score', type: 'FLOAT', shape: undefined },
      { name: 'vector', type: 'list<FLOAT>', shape: undefined },
    ]);
    const folder = await temporaryFolder({ a: await readFile(fixture('plain.parquet')) });
    await using file = await openVectors(join(folder, 'a'));
    expect(file).toMatchObject({ format: 'parquet', rows: 6, details: { column: 'vector' } });
  });

  test.each<[string, string, object, string, string]>([
    [
      'a null vector',
      'null-row',
      {},
      'unsupported',
      "column 'vector' has 21 elements in 6 rows: some vectors are null",
    ],
    ['a column that is not there', 'plain', { column: 'x' }, 'not-found', "no column 'x'; there are 'id', 'number'"],
    [
      'a column without lists',
      'plain',
      { column: 'id' },
      'unsupported',
      "column 'id' has the type BYTE_ARRAY (text), expected",
    ],
    [
      'a list beside the vectors',
      'plain',
      { columns: ['vector'] },
      'unsupported',
      'expected text, numbers or booleans',
    ],
    ['an unknown column beside the vectors', 'plain', { columns: ['x'] }, 'not-found', "no column 'x'"],
  ])('rejects %s', async (_name, name, options, kind, message) => {
    const failure = await readAll(fixture(`${name}.parquet`), options).then(undefined, (error: unknown) => error);
    expect(failure).toBeInstanceOf(FormatError);
    expect((failure as Error).message).toContain(message);
    expect(failure).toMatchObject({ kind, format: 'parquet' });
  });
});

describe('damaged Parquet files', () => {
  test.each([
    ['an empty file', Buffer.alloc(0), 'foreign', 'does not begin with PAR1'],
    ['a magic alone', Buffer.from('PAR1'), 'truncated', 'does not end with PAR1'],
    [
      'a footer beyond the file',
      Buffer.from('PAR1\xff\xff\xff\xffPAR1', 'latin1'),
      'damaged',
      'a footer of 4294967295 bytes',
    ],
    ['an empty footer', Buffer.from('PAR1\0\0\0\0PAR1'), 'damaged', 'the footer is damaged (the end in a struct)'],
    ['a footer without fields', Buffer.from('PAR1\0\x01\0\0\0PAR1'), 'damaged', 'the footer has no schema'],
    [
      'a list beyond the end',
      Buffer.from('PAR1\x29\xfc\xff\xff\xff\x0f\x06\0\0\0PAR1', 'latin1'),
      'damaged',
      'a list of 33554431 elements beyond the end',
    ],
    [
      'endless structs',
      Buffer.concat([Buffer.from('PAR1'), Buffer.alloc(200, 0x1c), Buffer.from([200, 0, 0, 0]), Buffer.from('PAR1')]),
      'damaged',
      'nested too deeply',
    ],
  ])('rejects %s', async (_name, bytes, kind, message) => {
    const path = join(await temporaryFolder({ 'v.parquet': bytes }), 'v.parquet');
    const failure = await openVectors(path).then(undefined, (error: unknown) => error);
    expect(failure).toBeInstanceOf(FormatError);
    expect((failure as FormatError).message).toContain(message);
    expect(failure).toMatchObject({ kind });
  });

  test('a file that is cut anywhere is an error', async () => {
    const bytes = await readFile(fixture('plain.parquet'));
    const folder = await temporaryFolder({ 'v.parquet': bytes });
    for (let length = 0; length < bytes.length; length += 7) {
      await writeFile(join(folder, 'v.parquet'), bytes.subarray(0, length));
      await expect(readAll(join(folder, 'v.parquet')), `cut at ${length}`).rejects.toBeInstanceOf(FormatError);
    }
  });

  test('a run of 2 ** 28 values fills no more than the page has', () => {
    const output = new Uint8Array(5);
    const bytes = Buffer.from([0xfe, 0xff, 0xff, 0xff, 0x07, 3]);
    decodeHybrid(bytes, 0, bytes.length, 2, output);
    expect([...output]).toEqual([3, 3, 3, 3, 3]);
  });

  test.each([1, 2, 3, 5, 8, 13, 20, 31, 32])('unpacks integers of %d bits', (width) => {
    const values = Array.from(
      { length: 24 },
      (_, index) => Math.floor(Math.abs(Math.sin(index)) * 2 ** width) % 2 ** width,
    );
    const bits = values.flatMap((value) => Array.from({ length: width }, (_, bit) => Math.floor(value / 2 ** bit) % 2));
    const packed = Uint8Array.from({ length: bits.length / 8 }, (_, byte) =>
      bits.slice(byte * 8, byte * 8 + 8).reduce((sum, bit, index) => sum + bit * 2 ** index, 0),
    );
    const output = new Uint32Array(24);
    decodeHybrid(Buffer.concat([Buffer.from([7]), packed]), 0, packed.length + 1, width, output);
    expect([...output]).toEqual(values);
  });

  test('packed differences need blocks that the format allows, and the right number of values', () => {
    expect(() => decodeDelta(new Uint8Array([0, 0, 1, 0]), 0, 1)).toThrow('blocks of 0 values in 0 parts');
    expect(() => decodeDelta(new Uint8Array([128, 1, 4, 9, 0]), 0, 1)).toThrow('9 packed differences, expected 1');
    expect(() => decodeDelta(new Uint8Array([128, 1, 4, 2, 0, 0]), 0, 2)).toThrow('the end in packed differences');
    expect([...decodeDelta(new Uint8Array([128, 1, 4, 1, 14]), 0, 1).values]).toEqual([7n]);
  });

  test('an integer of Thrift has at most 64 bits', () => {
    expect(() => new ThriftReader(new Uint8Array(11).fill(255)).int()).toThrow('more than 64 bits');
    expect(new ThriftReader(new Uint8Array([0xe5, 0x8e, 0x26])).int()).toBe(-312_243);
  });
});
