import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createExecutor, FileError, type Executor } from '../src/index.js';

let executor: Executor;
let folder: string;
let path: string;
beforeAll(async () => {
  executor = await createExecutor({ backends: ['cpu'] });
  folder = mkdtempSync(join(tmpdir(), 'gearshift-files-'));
});
beforeEach(() => {
  rmSync(folder, { recursive: true });
  folder = mkdtempSync(join(tmpdir(), 'gearshift-files-'));
  path = join(folder, 'vectors.gearshift');
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await executor.close();
});

const ROWS = [
  [1, 0],
  [0, 1],
  [3, 4],
];

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('save and open', () => {
  it('opens a saved matrix with the same answers', async () => {
    await using matrix = await executor.matrix(ROWS);
    await matrix.remove(0);
    await matrix.save(path);
    await using opened = await executor.open(pathToFileURL(path));
    expect(opened.values).toEqual(matrix.values);
    expect([opened.rows, opened.liveRows, opened.dimensions]).toEqual([3, 2, 2]);
    expect([...(await executor.topK([0, 1], opened, { k: 1 })).indices]).toEqual([1]);
    expect(opened.file).toMatchObject({ path, writable: false, version: matrix.version });
    expect(matrix.file).toBeUndefined();
    expect(readdirSync(folder)).toEqual(['vectors.gearshift']);
  });

  it('saves an adopted matrix', async () => {
    await using matrix = await executor.matrix(Float32Array.of(1, 2, 3, 4), { dimensions: 2, adopt: true });
    await matrix.save(path);
    await using opened = await executor.open(path, { mode: 'copy', verify: true });
    expect([...opened.values]).toEqual([1, 2, 3, 4]);
    expect(opened.file?.mode).toBe('copy');
  });

  it('makes changes durable in a file that was opened for writing', async () => {
    await using matrix = await executor.matrix(ROWS);
    await matrix.save(path);
    {
      await using opened = await executor.open(path, { writable: true, expectedUses: 5, companion: 'int8' });
      expect([opened.expectedUses, opened.companion]).toEqual([5, 'int8']);
      await opened.append([[5, 6]]);
      await opened.update(0, [7, 8]);
      await opened.remove(1);
    }
    await using again = await executor.open(path, { pin: true });
    expect([...again.values]).toEqual([7, 8, 0, 1, 3, 4, 5, 6]);
    expect([again.liveRows, again.expectedUses]).toEqual([3, Infinity]);
    await expect(again.append([[1, 1]])).rejects.toThrow(/open it with \{ writable: true \}/);
  });
});

describe('open', () => {
  it('rejects with a FileError that names the file and the byte', async () => {
    writeFileSync(path, 'id,values\n');
    const error = await failureOf(executor.open(path));
    expect(error).toBeInstanceOf(FileError);
    expect(error).toMatchObject({ kind: 'foreign', path, offset: 0 });
    await expect(executor.open(join(folder, 'none'))).rejects.toMatchObject({ kind: 'system', code: 'ENOENT' });
  });

  it.each([
    [[undefined], TypeError, 'path: expected the path of a file'],
    [[''], RangeError, 'path: expected the path of a file'],
    [[new URL('https://example.org/x')], RangeError, 'path: expected a path or a file: URL'],
    [['x', { writeable: true }], TypeError, "'writeable' is not an option; did you mean 'writable'?"],
    [['x', { writable: 1 }], TypeError, 'writable: expected a boolean, got 1'],
    [['x', { verify: 'yes' }], TypeError, 'verify: expected a boolean'],
    [['x', { mode: 'mmap' }], RangeError, 'mode: expected one of map, copy'],
    [['x', { companion: 'int4' }], RangeError, 'companion: expected one of'],
    [['x', { pin: 1 }], TypeError, 'pin: expected a boolean'],
    [['x', { signal: 1 }], TypeError, 'signal: expected an AbortSignal'],
  ])('refuses wrong arguments: %j', async (given, type, message) => {
    const error = await failureOf(executor.open(...(given as [string])));
    expect(error).toBeInstanceOf(type);
    expect((error as Error).message).toContain(message);
  });

  it('rejects with the reason of the signal after an abort', async () => {
    const reason = new Error('not needed any more');
    await using matrix = await executor.matrix(ROWS);
    await expect(matrix.save(path, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await matrix.save(path);
    await expect(executor.open(path, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(readdirSync(folder)).toEqual(['vectors.gearshift']);
  });

  it('throws TypeError after the executor was closed', async () => {
    const closed = await createExecutor({ backends: ['cpu'] });
    await closed.close();
    await expect(closed.open(path)).rejects.toThrow(new TypeError('executor is closed'));
  });
});
