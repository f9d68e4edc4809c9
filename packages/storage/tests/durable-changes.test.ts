import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeFile, FileError, openMatrix, StoredMatrix, verifyFile } from '../src/index.js';
import { openMatrix as openWith } from '../src/file/open-matrix.js';
import { saveMatrix } from '../src/file/save-matrix.js';
import { failureOf } from './fixtures/failure-of.js';
import { MemoryFileSystem, systemError } from './fixtures/memory-file-system.js';

const PATH = '/vectors.gearshift';
let folder: string;
let path: string;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gearshift-storage-'));
  path = join(folder, 'vectors.gearshift');
  await create().save(path);
});
afterEach(() => rmSync(folder, { recursive: true }));

const FLAT = new Float32Array([1, 0, 0, 1, 3, 4]);

function create(): StoredMatrix {
  return StoredMatrix.create(3, { dimensions: 2 }, (memory) => memory.set(FLAT));
}

async function memoryFile(): Promise<MemoryFileSystem> {
  const system = new MemoryFileSystem();
  await saveMatrix(create(), PATH, undefined, system);
  system.begin();
  return system;
}

describe('a matrix that was opened for writing', () => {
  it('has each change in the file when its promise resolves', async () => {
    await using matrix = await openMatrix(path, { writable: true });
    const contents = async () => {
      await using copy = await openMatrix(path, { verify: true });
      expect(copy.version).toBe(matrix.version);
      return [[...copy.values], [...(copy.removed?.words ?? [])]];
    };
    expect(await matrix.append([[5, 6]])).toEqual({ start: 3, end: 4 });
    expect(await contents()).toEqual([[1, 0, 0, 1, 3, 4, 5, 6], []]);
    await matrix.update({ start: 1, rows: [[7, 7], [8, 8]] }); // prettier-ignore
    expect(await contents()).toEqual([[1, 0, 7, 7, 8, 8, 5, 6], []]);
    await matrix.remove([0, 0, 3]);
    expect(await contents()).toEqual([[1, 0, 7, 7, 8, 8, 5, 6], [0b1001]]);
    expect(await matrix.compact()).toEqual(new Uint32Array([2 ** 32 - 1, 0, 1, 2 ** 32 - 1]));
    expect(await contents()).toEqual([[7, 7, 8, 8], []]);
    await matrix.append(new Float32Array([1, 2]));
    expect(await contents()).toEqual([[7, 7, 8, 8, 1, 2], []]);
    expect(matrix.file).toMatchObject({ path, writable: true, version: matrix.version, error: undefined });
  });

  it('writes the values that a change was called with', async () => {
    await using matrix = await openMatrix(path, { writable: true });
    const rows = new Float32Array([5, 6]);
    const appended = matrix.append(rows);
    rows.fill(0);
    await appended;
    expect([...(await openMatrix(path, {})).row(3)]).toEqual([5, 6]);
  });

  it('never changes committed bytes, so that earlier readers keep their state', async () => {
    await using matrix = await openMatrix(path, { writable: true });
    await matrix.update(0, [5, 5]);
    const committed = readFileSync(path);
    const reader = await openMatrix(path, {});
    await matrix.update(0, [6, 6]);
    await matrix.remove(1);
    expect(readFileSync(path).subarray(0, committed.length).equals(committed)).toBe(true);
    await matrix.compact();
    expect([...reader.row(0)]).toEqual([5, 5]);
    expect(reader.liveRows).toBe(3);
  });

  it('writes changes that were called together with one sync', async () => {
    const system = await memoryFile();
    await using matrix = await openWith(PATH, { writable: true }, system);
    await Promise.all(Array.from({ length: 100 }, (_, i) => matrix.append([[i, i]])));
    expect(system.calls.map(({ name }) => name)).toEqual(['write', 'sync']);
    const again = await openWith(PATH, { verify: true }, system);
    expect([again.rows, again.version]).toEqual([103, 101]);
  });

  it('writes large changes too', async () => {
    const rows = new Float32Array(2 * 50_000).map((_, i) => i);
    {
      await using matrix = await openMatrix(path, { writable: true });
      await Promise.all([matrix.append(rows), matrix.append([[1, 1]]), matrix.append(rows)]);
    }
    const again = await openMatrix(path, { verify: true });
    expect(again.rows).toBe(100_004);
    expect([...again.row(50_002)]).toEqual([99_998, 99_999]);
    expect([...again.row(100_003)]).toEqual([99_998, 99_999]);
  });

  it('ignores and then removes the bytes of a change that was not completed', async () => {
    {
      await using matrix = await openMatrix(path, { writable: true });
      await matrix.update(0, [5, 5]);
    }
    const complete = statSync(path).size;
    appendFileSync(path, new Uint8Array(1000));
    expect((await describeFile(path)).incompleteBytes).toBe(1000);
    expect([...(await openMatrix(path, { verify: true })).row(0)]).toEqual([5, 5]);
    expect(statSync(path).size).toBe(complete + 1000);
    {
      await using matrix = await openMatrix(path, { writable: true });
      expect(statSync(path).size).toBe(complete);
      await matrix.update(1, [6, 6]);
    }
    expect([...(await openMatrix(path, {})).values]).toEqual([5, 5, 6, 6, 3, 4]);
  });

  it('finds a damaged change that later ones follow, instead of losing those', async () => {
    const ends: number[] = [];
    {
      await using matrix = await openMatrix(path, { writable: true });
      for (let i = 0; i < 3; i++) {
        ends.push(statSync(path).size);
        await matrix.update(0, [i, i]);
      }
    }
    const bytes = readFileSync(path);
    for (const [at, offset] of [
      [ends[1] + 20, ends[1]],
      [ends[1] + 64, ends[1] + 64],
      [ends[1] + 90, ends[1]],
    ]) {
      const damaged = new Uint8Array(bytes);
      damaged[at] ^= 4;
      writeFileSync(path, damaged);
      expect(await failureOf(openMatrix(path, {}))).toMatchObject({ kind: 'damaged', offset });
      expect(await failureOf(verifyFile(path))).toMatchObject({ kind: 'damaged', offset });
    }
  });

  it('cannot be changed by another thread, which could not write the file', async () => {
    await using matrix = await openMatrix(path, { writable: true });
    const attached = StoredMatrix.attach(structuredClone(matrix), {});
    await matrix.compact();
    await matrix.append([[1, 1]]);
    const later = StoredMatrix.attach(structuredClone(matrix), {});
    for (const other of [later]) {
      await expect(other.append([[1, 1]])).rejects.toThrow(/only the thread that opened its file can change it/);
      await expect(other.compact()).rejects.toThrow(TypeError);
    }
    expect(() => attached.row(0)).toThrow(/compacted/);
    expect(later.file).toBeUndefined();
  });

  it('waits for changes when it is disposed', async () => {
    const matrix = await openMatrix(path, { writable: true });
    const change = matrix.append([[9, 9]]);
    await matrix[Symbol.asyncDispose]();
    expect((await openMatrix(path, {})).rows).toBe(4);
    expect(await change).toEqual({ start: 3, end: 4 });
    expect(readdirSync(folder)).toEqual(['vectors.gearshift']);
  });
});

describe('a change that cannot be made durable', () => {
  it.each(['write', 'sync'] as const)('is rejected after a failed %s, and later changes are refused', async (name) => {
    const system = await memoryFile();
    const matrix = await openWith(PATH, { writable: true }, system);
    await matrix.update(0, [5, 5]);
    system.beforeCall = (call) => {
      if (call.name === name) throw systemError('ENOSPC');
    };
    const [error, second] = await Promise.all([
      failureOf(matrix.update(0, [6, 6])),
      failureOf(matrix.append([[1, 1]])),
    ]);
    expect(error).toBeInstanceOf(FileError);
    expect(error).toMatchObject({ kind: 'not-durable', code: 'ENOSPC', path: PATH });
    expect(String(error)).toMatch(/the file has version 2 of the matrix; later changes are in memory only/);
    expect(second).toBe(error);
    system.beforeCall = () => {};
    for (const change of [
      () => matrix.append([[1, 1]]),
      () => matrix.update(0, [1, 1]),
      () => matrix.remove(0),
      () => matrix.compact(),
    ]) {
      expect(await failureOf(change())).toBe(error);
    }
    expect(matrix.file).toMatchObject({ version: 2, error });
    expect([matrix.version, ...matrix.row(0)]).toEqual([4, 6, 6]);
    await matrix[Symbol.asyncDispose]();
    await using again = await openWith(PATH, { writable: true }, system);
    await again.append([[2, 2]]);
    expect(again.file?.version).toBe(again.version);
  });

  it.each(['create', 'write', 'sync', 'rename', 'syncFolder'] as const)(
    'is a compaction too, after a failed %s, and leaves nothing beside the file',
    async (name) => {
      const system = await memoryFile();
      const matrix = await openWith(PATH, { writable: true }, system);
      await matrix.remove(0);
      system.beforeCall = (call) => {
        if (call.name === name) throw systemError('EIO');
      };
      expect(await failureOf(matrix.compact())).toMatchObject({ kind: 'not-durable', code: 'EIO' });
      expect(matrix.rows).toBe(2);
      expect(matrix.file?.error).toBeDefined();
      system.beforeCall = () => {};
      expect(system.paths).toEqual([PATH]);
      expect((await openWith(PATH, { verify: true }, system)).liveRows).toBe(2);
    },
  );

  it.each(['create', 'write', 'truncate', 'sync', 'rename'] as const)(
    'leaves the old file when saving fails in %s',
    async (name) => {
      const system = await memoryFile();
      const before = system.contentsOf(PATH).slice();
      const matrix = create();
      await matrix.append([[1, 1]]);
      system.beforeCall = (call) => {
        if (call.name === name) throw systemError('ENOSPC');
      };
      const error = await failureOf(saveMatrix(matrix.pin(), PATH, undefined, system));
      expect(error).toMatchObject({ name: 'FileError', kind: 'system', code: 'ENOSPC', path: PATH });
      expect(String(error)).toContain('there is no space left on the device');
      expect([system.paths, system.contentsOf(PATH)]).toEqual([[PATH], before]);
    },
  );
});

describe('the lock', () => {
  it('names the holder, also to save()', async () => {
    const matrix = await openMatrix(path, { writable: true });
    for (const use of [
      () => openMatrix(path, { writable: true }),
      () => create().save(path),
      () => matrix.save(path),
    ]) {
      const error = await failureOf(use());
      expect(error).toMatchObject({ kind: 'locked', path });
      expect(String(error)).toContain('this process has it open for writing; dispose the matrix there first');
    }
    expect((await describeFile(path)).writer).toBe(`process ${process.pid} on ${hostname()}`);
    expect((await openMatrix(path, {})).rows).toBe(3);
    await matrix[Symbol.asyncDispose]();
    await (await openMatrix(path, { writable: true }))[Symbol.asyncDispose]();
    expect(readdirSync(folder)).toEqual(['vectors.gearshift']);
  });

  it('lets in at most one of many writers at a time', async () => {
    const opened = await Promise.allSettled(Array.from({ length: 8 }, () => openMatrix(path, { writable: true })));
    const matrices = opened.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    expect(matrices.length).toBeLessThanOrEqual(1);
    const refused = opened.flatMap((result) => (result.status === 'rejected' ? [result.reason as FileError] : []));
    for (const error of refused) expect(error).toMatchObject({ kind: 'locked' });
    for (const matrix of matrices) await matrix[Symbol.asyncDispose]();
    expect(readdirSync(folder)).toEqual(['vectors.gearshift']);
  });

  /** The entry of a lock that this process holds, with other fields. */
  async function entryWith(change: (fields: string[]) => void): Promise<void> {
    const matrix = await openMatrix(path, { writable: true });
    const fields = readdirSync(`${path}.lock`)[0].split('~');
    await matrix[Symbol.asyncDispose]();
    change(fields);
    mkdirSync(`${path}.lock`);
    writeFileSync(join(`${path}.lock`, fields.join('~')), '');
    writeFileSync(join(`${path}.lock`, `${fields.join('~')}.aside`), 'half a file');
  }

  it('is taken over from a process that has ended, with what that left behind', async () => {
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    await entryWith((fields) => (fields[2] = String(pid)));
    await (await openMatrix(path, { writable: true }))[Symbol.asyncDispose]();
    expect(readdirSync(folder)).toEqual(['vectors.gearshift']);
  });

  it.runIf(process.platform === 'linux').each([
    ['has the number of an ended one', 3],
    ['ran before the system was started anew', 1],
  ])('is taken over if the process %s', async (_, field) => {
    await entryWith((fields) => (fields[field] = '12345678'));
    await (await openMatrix(path, { writable: true }))[Symbol.asyncDispose]();
    expect(readdirSync(folder)).toEqual(['vectors.gearshift']);
  });

  it('is not taken over from another host, and says which folder to delete', async () => {
    await entryWith((fields) => (fields[0] = 'elsewhere'));
    const error = await failureOf(openMatrix(path, { writable: true }));
    expect(String(error)).toMatch(/process \d+ on elsewhere has it open for writing.*delete the folder .*\.lock/);
    rmSync(`${path}.lock`, { recursive: true });
    await (await openMatrix(path, { writable: true }))[Symbol.asyncDispose]();
  });
});

describe('describeFile', () => {
  it('says what a file contains', async () => {
    {
      await using matrix = await openMatrix(path, { writable: true });
      await Promise.all([matrix.append([[1, 1], [2, 2]]), matrix.update(0, [3, 3])]); // prettier-ignore
      await matrix.remove(1);
    }
    expect(await describeFile(path, { verify: true })).toEqual({
      path,
      formatVersion: 1,
      dtype: 'float32',
      dimensions: 2,
      rows: 5,
      version: 4,
      byteLength: statSync(path).size,
      sections: [
        { type: 1, name: 'rows', isRequired: true, offset: 4096, byteLength: 24 },
        { type: 3, name: 'blocks', isRequired: false, offset: 4128, byteLength: 4 },
      ],
      changes: { commits: 2, appends: 1, appendedRows: 2, updates: 1, removals: 1, byteLength: 368 },
      incompleteBytes: 0,
      writer: undefined,
    });
  });
});
