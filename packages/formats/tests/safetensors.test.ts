import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { FormatError, listEntries, openVectors, vectorsFrom, writeVectors } from '../src/index.js';
import { fixture, FIXTURE_INTEGERS, FIXTURE_VALUES, readAll } from './read-all.js';
import { safetensorsBytes } from './safetensors-bytes.js';
import { temporaryFolder } from './temporary-folder.js';

async function write(bytes: Uint8Array): Promise<string> {
  return join(await temporaryFolder({ 'v.safetensors': bytes }), 'v.safetensors');
}

const F32 = { dtype: 'F32', shape: [2, 1], data_offsets: [0, 8] };
const EIGHT = new Uint8Array(8);

describe('reading safetensors', () => {
  test('reads the only tensor with two dimensions', async () => {
    expect(await readAll(fixture('f32.safetensors'))).toMatchObject({ rows: 6, dimensions: 4, values: FIXTURE_VALUES });
  });

  test.each([
    ['a', 'float16', FIXTURE_VALUES],
    ['b', 'bfloat16', FIXTURE_VALUES],
    ['c', 'float64', FIXTURE_VALUES],
    ['d', 'int8', FIXTURE_INTEGERS],
  ])('reads tensor %s by name, as %s', async (tensor, dtype, values) => {
    expect(await readAll(fixture('several.safetensors'), { tensor }, 4)).toMatchObject({ dtype, rows: 6, values });
  });

  test('reads a tensor of one dimension as a single vector with allowSingle', async () => {
    const options = { tensor: 'bias', allowSingle: true };
    expect(await readAll(fixture('several.safetensors'), options)).toMatchObject({ rows: 1, dimensions: 4 });
    await expect(openVectors(fixture('several.safetensors'), { tensor: 'bias' })).rejects.toThrow(
      "tensor 'bias' has the shape (4,), expected rows x dimensions",
    );
  });

  test('lists the tensors', async () => {
    const entries = await listEntries(fixture('several.safetensors'));
    expect(entries).toContainEqual({ name: 'b', type: 'BF16', shape: [6, 4] });
    expect(entries.map(({ name }) => name).sort()).toEqual(['a', 'b', 'bias', 'c', 'd']);
  });

  test('recognizes the format by its first bytes', async () => {
    const folder = await temporaryFolder({ model: await readFile(fixture('f32.safetensors')) });
    await using file = await openVectors(join(folder, 'model'));
    expect(file).toMatchObject({ format: 'safetensors', details: { tensor: 'embeddings', tensors: 1 } });
  });

  test.each([
    [
      'several tensors without a name',
      fixture('several.safetensors'),
      undefined,
      'ambiguous',
      "4 tensors with two dimensions: '",
    ],
    ['a name that is not there', fixture('several.safetensors'), 'e', 'not-found', "no tensor 'e'; there are '"],
  ])('rejects %s', async (_name, path, tensor, kind, message) => {
    const failure = openVectors(path, { tensor });
    await expect(failure).rejects.toMatchObject({ kind });
    await expect(failure).rejects.toThrow(message);
  });

  test.each<[string, Uint8Array, string, string]>([
    ['an empty file', new Uint8Array(0), 'foreign', 'fewer than 8 bytes'],
    ['a length beyond the file', safetensorsBytes({ a: F32 }).subarray(0, 20), 'foreign', 'a header of '],
    [
      'a length of 2 ** 64 - 1',
      Buffer.concat([Buffer.alloc(8, 0xff), Buffer.from('{}')]),
      'foreign',
      'a header of 18446744073709552000 bytes',
    ],
    ['a huge header', safetensorsBytes(' '.repeat(17 * 2 ** 20)), 'too-large', 'expected at most'],
    ['a header that is not JSON', safetensorsBytes('{"a":'), 'damaged', 'expected a JSON value'],
    [
      'a header that is not UTF-8',
      Buffer.concat([Buffer.from([2, 0, 0, 0, 0, 0, 0, 0]), Buffer.from([0xff, 0xfe])]),
      'damaged',
      'not UTF-8',
    ],
    ['a list as header', safetensorsBytes('[]'), 'damaged', 'not an object'],
    ['deep JSON', safetensorsBytes(`{"a":${'['.repeat(1e6)}`), 'damaged', 'nested deeper than 3 levels'],
    ['a string of megabytes', safetensorsBytes(`{"${'a'.repeat(8e6)}`), 'damaged', 'expected a string'],
    [
      'a name that stands twice',
      safetensorsBytes(`{"a":${JSON.stringify(F32)},"a":${JSON.stringify(F32)}}`, EIGHT),
      'damaged',
      'a name that stands twice',
    ],
    [
      'a key that stands twice',
      safetensorsBytes('{"a":{"dtype":"F32","dtype":"I8","shape":[2,1],"data_offsets":[0,8]}}', EIGHT),
      'damaged',
      'a name that stands twice',
    ],
    [
      'the same name with an escape',
      safetensorsBytes(`{"a":${JSON.stringify(F32)},"\\u0061":${JSON.stringify(F32)}}`, EIGHT),
      'damaged',
      'a name that stands twice',
    ],
    ['text after the object', safetensorsBytes('{}x'), 'damaged', 'expected the end'],
    ['no tensors', safetensorsBytes({}), 'not-found', 'there are none'],
    [
      'an unknown key',
      safetensorsBytes({ a: { ...F32, more: 1 } }, EIGHT),
      'damaged',
      'expected dtype, shape and two data_offsets',
    ],
    ['a negative size', safetensorsBytes({ a: { ...F32, shape: [-2, -1] } }, EIGHT), 'damaged', 'whole numbers'],
    [
      'a size that is no number',
      safetensorsBytes({ a: { ...F32, shape: [null, 1] } }, EIGHT),
      'damaged',
      'whole numbers',
    ],
    ['a fraction as size', safetensorsBytes({ a: { ...F32, shape: [0.5, 4] } }, EIGHT), 'damaged', 'whole numbers'],
    [
      'sizes with a product that overflows',
      safetensorsBytes({ a: { ...F32, shape: [2 ** 52, 2 ** 52, 0, 2 ** 52] } }, EIGHT),
      'damaged',
      'data_offsets span',
    ],
    [
      'offsets that do not match',
      safetensorsBytes({ a: { ...F32, data_offsets: [0, 7] } }, EIGHT),
      'damaged',
      'need 8 bytes',
    ],
    [
      'offsets that run backwards',
      safetensorsBytes({ a: { ...F32, data_offsets: [8, 0] } }, EIGHT),
      'damaged',
      'need 8 bytes',
    ],
    [
      'offsets beyond the file',
      safetensorsBytes({ a: F32 }, new Uint8Array(7)),
      'truncated',
      'the tensors end at byte',
    ],
    [
      'bytes after the tensors',
      safetensorsBytes({ a: F32 }, new Uint8Array(9)),
      'damaged',
      '1 bytes after the last tensor',
    ],
    [
      'a gap',
      safetensorsBytes({ a: { ...F32, data_offsets: [1, 9] } }, new Uint8Array(9)),
      'damaged',
      'begins 1 bytes after',
    ],
    [
      'tensors that overlap',
      safetensorsBytes({ a: F32, b: { ...F32, data_offsets: [4, 12] } }, new Uint8Array(12)),
      'damaged',
      'overlaps',
    ],
    [
      'an unknown dtype',
      safetensorsBytes({ a: { ...F32, dtype: 'F33' } }, EIGHT),
      'damaged',
      "the dtype 'F33' is not known",
    ],
    [
      'a dtype of the prototype',
      safetensorsBytes({ a: { ...F32, dtype: 'toString' } }, EIGHT),
      'damaged',
      'is not known',
    ],
    [
      'a dtype without vectors',
      safetensorsBytes({ a: { dtype: 'I64', shape: [1, 1], data_offsets: [0, 8] } }, EIGHT),
      'unsupported',
      'has the dtype I64',
    ],
    [
      'metadata with numbers',
      safetensorsBytes({ __metadata__: { a: 1 }, a: F32 }, EIGHT),
      'damaged',
      '__metadata__: expected an object of strings',
    ],
    [
      'a scale that is no number',
      safetensorsBytes(
        { __metadata__: { 'gearshift.scale': 'x' }, a: { dtype: 'I8', shape: [2, 4], data_offsets: [0, 8] } },
        EIGHT,
      ),
      'damaged',
      'expected a positive number',
    ],
    [
      'dimensions of zero',
      safetensorsBytes({ a: { dtype: 'F32', shape: [2, 0], data_offsets: [0, 0] } }),
      'damaged',
      '0 dimensions',
    ],
  ])('rejects %s', async (_name, bytes, kind, message) => {
    const failure = await openVectors(await write(bytes)).then(undefined, (error: unknown) => error);
    expect(failure).toBeInstanceOf(FormatError);
    expect((failure as Error).message).toContain(message);
    expect(failure).toMatchObject({ kind });
  });

  test('a tensor may be named __proto__, and names are escaped in messages', async () => {
    const names = `{"__proto__":${JSON.stringify(F32)},"a\\u001b[2J":{"dtype":"F32","shape":[0,1],"data_offsets":[8,8]}}`;
    const path = await write(safetensorsBytes(names, EIGHT));
    expect((await readAll(path, { tensor: '__proto__' })).rows).toBe(2);
    await expect(openVectors(path)).rejects.toThrow("'__proto__', 'a\\u001b[2J'; choose one");
  });
});

describe('writing safetensors', () => {
  const memory = (dtype: 'float16' | 'bfloat16') =>
    vectorsFrom(new Uint16Array([0x3c00, 0, 0xbc00, 0x3800]), { dimensions: 2, dtype });

  test.each(['float32', 'float64', 'float16', 'bfloat16'] as const)('reads back what it wrote as %s', async (dtype) => {
    const path = join(await temporaryFolder(), 'v.safetensors');
    const source = vectorsFrom(FIXTURE_VALUES, { dimensions: 4 });
    expect(await writeVectors(path, source, { dtype })).toMatchObject({ format: 'safetensors', rows: 6, dtype });
    expect(await readAll(path, { tensor: 'vectors' })).toMatchObject({ dtype, rows: 6, values: FIXTURE_VALUES });
  });

  test('keeps raw half precision bits', async () => {
    for (const dtype of ['float16', 'bfloat16'] as const) {
      const path = join(await temporaryFolder(), 'v.safetensors');
      await writeVectors(path, memory(dtype));
      await using file = await openVectors(path);
      for await (const { raw } of file.batches()) expect(raw).toEqual(new Uint16Array([0x3c00, 0, 0xbc00, 0x3800]));
    }
  });

  test('int8 comes back with its scale', async () => {
    const path = join(await temporaryFolder(), 'v.safetensors');
    await writeVectors(path, vectorsFrom(FIXTURE_VALUES, { dimensions: 4 }), {
      dtype: 'int8',
      scale: 1 / 8,
      tensor: 'a"b',
    });
    await using file = await openVectors(path);
    expect(file).toMatchObject({ dtype: 'int8', scale: 1 / 8, details: { tensor: 'a"b' } });
    expect((await readAll(path)).values).toEqual(FIXTURE_VALUES);
  });

  const hasLibrary = spawnSync('python3', ['-c', 'import safetensors.numpy']).status === 0;
  test.skipIf(!hasLibrary)('the reference implementation reads it (needs python3 with safetensors)', async () => {
    const path = join(await temporaryFolder(), 'v.safetensors');
    await writeVectors(path, vectorsFrom(FIXTURE_VALUES, { dimensions: 4 }), { dtype: 'int8', scale: 1 / 8 });
    const script =
      'import safetensors.numpy as s, sys; v = s.load_file(sys.argv[1])["vectors"]; print(v.dtype, v.shape, v.sum())';
    expect(spawnSync('python3', ['-c', script, path], { encoding: 'utf8' }).stdout).toBe('int8 (6, 4) 36\n');
  });
});
