import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FormatError, openVectors, vectorsFrom, writeVectors } from '../src/index.js';
import { FIXTURE_VALUES, readAll } from './read-all.js';
import { temporaryFolder } from './temporary-folder.js';

/** Rows of an `.fvecs`, `.bvecs` or `.ivecs` file. */
function vecs(...rows: readonly (Float32Array | Uint8Array | Int32Array)[]): Uint8Array {
  const parts = rows.flatMap((row) => [
    new Uint8Array(new Int32Array([row.length]).buffer),
    new Uint8Array(row.buffer, row.byteOffset, row.byteLength),
  ]);
  return Buffer.concat(parts);
}

async function write(name: string, bytes: Uint8Array): Promise<string> {
  return join(await temporaryFolder({ [name]: bytes }), name);
}

describe('reading .fvecs, .bvecs and .ivecs', () => {
  test.each([
    ['v.fvecs', 'float32', vecs(new Float32Array([1, 2]), new Float32Array([-3, 0.5])), [1, 2, -3, 0.5]],
    ['v.bvecs', 'uint8', vecs(new Uint8Array([1, 255]), new Uint8Array([0, 7])), [1, 255, 0, 7]],
    ['v.ivecs', 'int32', vecs(new Int32Array([-1, 2]), new Int32Array([70_000, 0])), [-1, 2, 70_000, 0]],
  ])('reads %s', async (name, dtype, bytes, values) => {
    for (const maxRows of [1, 2, 3]) {
      const contents = await readAll(await write(name, bytes), {}, maxRows);
      expect(contents).toMatchObject({ rows: 2, dimensions: 2, dtype, values: new Float32Array(values) });
    }
  });

  const two = vecs(new Float32Array(2), new Float32Array(2));
  test.each([
    ['an empty file', new Uint8Array(0), 'truncated', 'expected at least one vector', 0],
    ['half a length', two.subarray(0, 3), 'truncated', 'expected at least one vector', 3],
    ['a cut vector', two.subarray(0, -1), 'truncated', 'take 12 bytes, but the last one has 11', 12],
    ['no dimensions', vecs(new Float32Array(0)), 'damaged', '0 dimensions', 0],
    ['negative dimensions', new Uint8Array([255, 255, 255, 255]), 'damaged', '-1 dimensions', 0],
    ['endless dimensions', new Uint8Array([255, 255, 255, 127]), 'too-large', '2147483647 dimensions', 0],
    [
      'rows of other dimensions',
      vecs(new Float32Array(2), new Float32Array(1), new Float32Array(0)),
      'damaged',
      'row 1 has 1 dimensions, expected 2',
      12,
    ],
  ])('rejects %s, with the offset', async (_name, bytes, kind, message, offset) => {
    const failure = await readAll(await write('v.fvecs', bytes)).then(undefined, (error: unknown) => error);
    expect(failure).toBeInstanceOf(FormatError);
    expect((failure as Error).message).toContain(message);
    expect(failure).toMatchObject({ kind, offset, format: 'fvecs' });
  });
});

describe('writing .fvecs', () => {
  test('reads back what it wrote, and rounds other types to float32', async () => {
    const path = join(await temporaryFolder(), 'v.fvecs');
    const written = await writeVectors(path, vectorsFrom(Float64Array.from(FIXTURE_VALUES), { dimensions: 4 }));
    expect(written).toMatchObject({ format: 'fvecs', dtype: 'float32', rows: 6, sizeBytes: 6 * 20 });
    expect(await readAll(path)).toMatchObject({ rows: 6, dimensions: 4, values: FIXTURE_VALUES });
  });

  test('refuses to write no rows, and leaves nothing behind', async () => {
    const path = join(await temporaryFolder(), 'v.fvecs');
    await expect(writeVectors(path, vectorsFrom(new Float32Array(0), { dimensions: 4 }))).rejects.toThrow(
      'needs at least one',
    );
    await expect(openVectors(path)).rejects.toThrow('ENOENT');
  });
});
