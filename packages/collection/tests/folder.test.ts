import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import {
  createCollection,
  openCollection,
  type Collection,
  type CollectionExecutor,
  type FoundItem,
  type JsonObject,
} from '../src/index.js';
import { nodeFolderSystem, type FolderSystem } from '../src/folder/folder-system.js';
import { encodeManifest, readManifest } from '../src/folder/manifest.js';
import { idsOf, openExecutor } from './collection-setup.js';

const executor = await openExecutor();
const ROOT = mkdtempSync(join(tmpdir(), 'gearshift-collection-'));
afterAll(() => rmSync(ROOT, { recursive: true }));

let folder: string;
let count = 0;
beforeEach(() => {
  folder = join(ROOT, `saved-${count++}`, 'deeper');
});

async function filled(): Promise<Collection> {
  const collection = await createCollection(executor, { dimensions: 3, metric: 'dot' });
  await collection.upsert([
    { id: 'gone', vector: [9, 9, 9] },
    {
      id: 'a',
      vector: [1, 2, 3],
      metadata: { text: 'two\nlines\u2028and \ud83d\ude00', deep: { list: [1, null, true] } },
    },
    { id: 1, vector: [4, 5, 6] },
    { id: 1n, vector: [7, 8, 9], metadata: { n: 0.1 } },
    { id: 12345678901234567890n, vector: [0, 0, 1] },
    { id: '', vector: [0, 1, 0] },
  ]);
  await collection.delete('gone');
  return collection;
}

async function contentsOf(path: string): Promise<FoundItem[]> {
  await using collection = await openCollection(executor, path, { verify: true });
  return [...collection];
}

describe('save and open', () => {
  it.each([true, false])('give a collection with the same answers (writable: %s)', async (writable) => {
    await using collection = await filled();
    await collection.save(folder);
    await using opened = await openCollection(executor, folder, { writable });
    expect([opened.dimensions, opened.metric, opened.size]).toEqual([3, 'dot', 5]);
    expect([...opened]).toEqual([...collection]);
    for (const where of [undefined, { n: { $exists: true } }, (_: JsonObject, id: unknown) => id !== 1n]) {
      const query = { vector: [1, 1, 1], k: 9, where, includeVectors: true };
      expect(await opened.query(query)).toEqual(await collection.query(query));
    }
  });

  it('keep changes of a writable collection out of the folder until it is saved', async () => {
    await using collection = await filled();
    await collection.save(folder);
    {
      await using opened = await openCollection(executor, folder, { writable: true });
      await opened.upsert({ id: 'new', vector: [1, 0, 0], metadata: { is: 'new' } });
      await opened.upsert({ id: 'a', vector: [3, 2, 1] });
      await opened.delete([1, '']);
      expect(await contentsOf(folder)).toEqual([...collection]);
      await opened.save(folder);
      expect(await contentsOf(folder)).toEqual([...opened]);
      await opened.compact();
      await opened.save(folder);
      expect(await contentsOf(folder)).toEqual([...opened]);
    }
    expect((await contentsOf(folder)).map(({ id }) => id)).toEqual(['a', 1n, 12345678901234567890n, 'new']);
  });

  it('leave exactly three files', async () => {
    await using collection = await filled();
    await collection.save(folder);
    writeFileSync(join(folder, 'items-1-abcdef.jsonl'), 'left by a cut');
    writeFileSync(join(folder, 'mine.txt'), 'not of a collection');
    await collection.save(folder);
    const names = readdirSync(folder).sort();
    expect(names).toEqual([
      expect.stringMatching(/^items-2-[0-9a-f]{12}\.jsonl$/),
      'manifest.json',
      'mine.txt',
      expect.stringMatching(/^vectors-2-[0-9a-f]{12}\.gearshift$/),
    ]);
  });

  it('work for an empty collection', async () => {
    await using collection = await createCollection(executor, { dimensions: 4 });
    await collection.save(folder);
    await using opened = await openCollection(executor, folder, { writable: true });
    expect([...opened]).toEqual([]);
    await opened.upsert({ id: 1, vector: [1, 2, 3, 4] });
    expect(idsOf(await opened.query({ vector: [1, 1, 1, 1], k: 1 }))).toEqual([1]);
  });

  it('a collection that was opened to be read refuses changes and can be saved elsewhere', async () => {
    await using collection = await filled();
    await collection.save(folder);
    await using opened = await openCollection(executor, folder);
    const refusal = 'collection: expected one that can be changed; pass { writable: true } to openCollection';
    await expect(opened.upsert([])).rejects.toThrow(refusal);
    await expect(opened.delete('a')).rejects.toThrow(refusal);
    await expect(opened.compact()).rejects.toThrow(refusal);
    await opened.save(`${folder}-copy`);
    expect(await contentsOf(`${folder}-copy`)).toEqual([...collection]);
  });

  it('save the state at the call while changes go on', async () => {
    await using collection = await filled();
    const before = [...collection];
    const saving = collection.save(folder);
    const saved = collection.upsert({ id: 'before', vector: [1, 1, 1] });
    await Promise.all([saving, saved]);
    for (let i = 0; i < 20; i++) {
      const known = [...collection];
      const again = collection.save(folder);
      const change =
        i % 3 === 0 ? collection.delete(['a', `n${i - 1}`]) : collection.upsert({ id: `n${i}`, vector: [i, 0, 0] });
      await Promise.all([again, change]);
      const found = await contentsOf(folder);
      expect([known, [...collection]]).toContainEqual(found);
    }
    expect(before).toHaveLength(5);
  });

  it('run one after the other, and end before the collection is disposed', async () => {
    const collection = await filled();
    const items = [...collection];
    const saves = [collection.save(folder), collection.save(folder), collection.save(folder)];
    await collection.dispose();
    await Promise.all(saves);
    expect(await contentsOf(folder)).toEqual(items);
    expect((await readManifest(folder)).generation).toBe(3);
  });

  it('stop after an abort, without a trace', async () => {
    await using collection = await filled();
    await collection.save(folder);
    const names = readdirSync(folder).sort();
    await expect(collection.save(folder, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
    await expect(openCollection(executor, folder, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow(
      'enough',
    );
    expect(readdirSync(folder).sort()).toEqual(names);
  });

  it.each([
    [{ writeable: true }, "options: 'writeable' is not an option; did you mean 'writable'?"],
    [{ writable: 1 }, 'writable: expected a boolean, got 1'],
    [{ verify: 'yes' }, "verify: expected a boolean, got 'yes'"],
    [{ signal: 5 }, 'signal: expected an AbortSignal, got 5'],
  ])('openCollection refuses the options %j', async (options, message) => {
    await expect(openCollection(executor, folder, options as never)).rejects.toThrow(message);
  });

  it('refuse a folder that is not a path', async () => {
    await using collection = await filled();
    await expect(collection.save('')).rejects.toThrow("folder: expected the path of a folder, got ''");
    await expect(collection.save(5 as never)).rejects.toThrow('folder: expected the path of a folder, got 5');
    await expect(openCollection(executor, undefined as never)).rejects.toThrow('folder: expected the path');
    await expect(collection.save(folder, { sync: true } as never)).rejects.toThrow("options: 'sync' is not an option");
  });
});

describe('damaged folders', () => {
  async function saved(): Promise<{ manifest: string; vectors: string; items: string }> {
    await using collection = await filled();
    await collection.save(folder);
    const { vectors, items } = await readManifest(folder);
    return { manifest: join(folder, 'manifest.json'), vectors: join(folder, vectors), items: join(folder, items) };
  }

  it('a folder without a collection has another error than a damaged one', async () => {
    await expect(openCollection(executor, folder)).rejects.toMatchObject({
      name: 'CollectionFileError',
      kind: 'system',
      code: 'ENOENT',
      path: join(folder, 'manifest.json'),
    });
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'manifest.json'), '{"name":"an extension"}');
    await expect(openCollection(executor, folder)).rejects.toMatchObject({
      kind: 'foreign',
      message: expect.stringContaining('not a manifest of a collection'),
    });
    writeFileSync(join(folder, 'manifest.json'), 'x'.repeat(100_000));
    await expect(openCollection(executor, folder)).rejects.toMatchObject({ kind: 'foreign' });
    writeFileSync(join(folder, 'manifest.json'), '[');
    await expect(openCollection(executor, folder)).rejects.toMatchObject({
      kind: 'damaged',
      message: expect.stringContaining('expected a JSON object'),
    });
    writeFileSync(join(folder, 'manifest.json'), '{"format":"gearshift-collection","version":2}');
    await expect(openCollection(executor, folder)).rejects.toMatchObject({
      kind: 'unsupported',
      message: expect.stringContaining('expected version 1 of the format, got 2'),
    });
  });

  it('is not saved where a file is', async () => {
    await using collection = await filled();
    mkdirSync(dirname(folder), { recursive: true });
    writeFileSync(folder, 'a letter');
    await expect(collection.save(folder)).rejects.toMatchObject({
      kind: 'system',
      message: expect.stringContaining(`${folder}: expected a folder, got a file`),
    });
    expect(readFileSync(folder, 'utf8')).toBe('a letter');
  });

  it.each(['vectors', 'items'] as const)('a missing file of %s is named', async (file) => {
    const paths = await saved();
    rmSync(paths[file]);
    await expect(openCollection(executor, folder)).rejects.toMatchObject({
      kind: 'system',
      code: 'ENOENT',
      path: paths[file],
    });
  });

  it.each(['manifest', 'vectors', 'items'] as const)(
    'a %s file that ends early or has other bytes is refused',
    async (file) => {
      const paths = await saved();
      const whole = readFileSync(paths[file]);
      const open = (): Promise<unknown> =>
        openCollection(executor, folder, { verify: true, writable: true }).then((opened) => opened.dispose());
      const steps = file === 'vectors' ? 101 : 3;
      for (let length = 0; length < whole.length - 1; length += steps) {
        writeFileSync(paths[file], whole.subarray(0, length));
        const error: unknown = await open().catch((thrown: unknown) => thrown);
        if (file === 'vectors' && error === undefined) continue;
        expect([length, error]).toEqual([
          length,
          expect.objectContaining({ name: expect.stringMatching(/FileError$/), path: paths[file] }),
        ]);
      }
      for (let at = 0; at < whole.length; at += steps) {
        const changed = Buffer.from(whole);
        changed[at] ^= 1 << (at % 8);
        writeFileSync(paths[file], changed);
        const error: unknown = await open().catch((thrown: unknown) => thrown);
        // Space between the parts of a file has no meaning.
        if (error === undefined && file !== 'items') continue;
        expect([at, error]).toEqual([
          at,
          expect.objectContaining({ name: expect.stringMatching(/FileError$/), path: paths[file] }),
        ]);
      }
      writeFileSync(paths[file], whole);
      await open();
    },
  );

  it.each([
    ['a line too many', (lines: string[]) => [...lines, 'null'], /expected 6 lines, got more/],
    ['a line less', (lines: string[]) => lines.slice(1), /expected 6 lines, got 5/],
    ['an id twice', (lines: string[]) => [...lines.slice(0, -1), lines[1]], /line 6: the id occurs a second time/],
    [
      'a line that is no item',
      (lines: string[]) => ['{}', ...lines.slice(1)],
      /line 1: expected null or \[id, metadata\]/,
    ],
    ['an id that is none', (lines: string[]) => ['[true,{}]', ...lines.slice(1)], /line 1: expected null or/],
    [
      'a bigint that is none',
      (lines: string[]) => ['[{"bigint":"x"},{}]', ...lines.slice(1)],
      /line 1: expected null or/,
    ],
    ['metadata that is none', (lines: string[]) => ['["x",5]', ...lines.slice(1)], /line 1: expected null or/],
    ['an item for a removed row', (lines: string[]) => ['["x",{}]', ...lines.slice(1)], /row 0: removed in one of/],
    ['text that is not JSON', (lines: string[]) => ['nul', ...lines.slice(1)], /line 1: expected null or/],
  ])('items with right checksums and %s are refused', async (_name, change, message) => {
    const { items } = await saved();
    const manifest = await readManifest(folder);
    const lines = readFileSync(items, 'utf8').split('\n').slice(0, -1);
    const text = `${change(lines).join('\n')}\n`;
    const { createHash } = await import('node:crypto');
    writeFileSync(items, text);
    const { format: _format, version: _version, ...state } = manifest;
    const sums = { itemsBytes: Buffer.byteLength(text), itemsSha256: createHash('sha256').update(text).digest('hex') };
    writeFileSync(join(folder, 'manifest.json'), encodeManifest({ ...state, ...sums }));
    await expect(openCollection(executor, folder)).rejects.toThrow(message);
  });

  it.each([
    [{ vectors: '../vectors-1-ab.gearshift' }],
    [{ items: 'items-1-ab.x/../../secret' }],
    [{ items: '/etc/passwd' }],
    [{ dimensions: 0 }],
    [{ dimensions: 2 ** 60 }],
    [{ rows: -1 }],
    [{ metric: 'l1' }],
    [{ generation: '1' }],
    [{ itemsSha256: 5 }],
  ])('a manifest with right checksums and %j is refused', async (change) => {
    await saved();
    const { format: _format, version: _version, ...state } = await readManifest(folder);
    writeFileSync(join(folder, 'manifest.json'), encodeManifest({ ...state, ...change } as never));
    await expect(openCollection(executor, folder)).rejects.toMatchObject({
      kind: 'damaged',
      path: join(folder, 'manifest.json'),
    });
  });

  it('files of two collections are not mixed', async () => {
    const { vectors } = await saved();
    await using other = await createCollection(executor, { dimensions: 3 });
    await other.upsert({ id: 1, vector: [1, 2, 3] });
    await other.save(`${folder}-other`);
    copyFileSync(join(`${folder}-other`, (await readManifest(`${folder}-other`)).vectors), vectors);
    await expect(openCollection(executor, folder)).rejects.toMatchObject({
      kind: 'damaged',
      path: vectors,
      message: expect.stringContaining('expected 6 rows of 3 dimensions, got 1 of 3'),
    });
  });

  it('saving over a damaged folder makes it whole', async () => {
    const { manifest } = await saved();
    writeFileSync(manifest, '{');
    await using collection = await filled();
    await collection.save(folder);
    expect(await contentsOf(folder)).toEqual([...collection]);
  });
});

describe('opening while another process saves', () => {
  it('begins again with the files of the new generation', async () => {
    await using collection = await filled();
    await collection.save(folder);
    let opens = 0;
    const slow: CollectionExecutor = {
      topK: (query, matrix, options) => executor.topK(query, matrix, options),
      matrix: (values, options) => executor.matrix(values, options),
      open: async (path, options) => {
        opens += 1;
        if (opens === 1) await collection.save(folder);
        return executor.open(path, options);
      },
    };
    await using opened = await openCollection(slow, folder);
    expect(opens).toBe(2);
    expect([...opened]).toEqual([...collection]);
  });
});

describe('a cut during a save', () => {
  class Cut extends Error {}

  /** Does the first operations, half of the one after them if that is writing, and nothing more. */
  function cutAfter(operations: number): FolderSystem {
    let left = operations;
    const step = (): boolean => left-- > 0;
    return {
      makeFolder: async (path) => (step() ? nodeFolderSystem.makeFolder(path) : Promise.reject(new Cut())),
      create: async (path, pieces, signal) => {
        if (step()) return nodeFolderSystem.create(path, pieces, signal);
        const text = [...pieces].join('');
        if (left === -1) await nodeFolderSystem.create(path, [text.slice(0, text.length / 2)]);
        throw new Cut();
      },
      rename: async (from, to) => (step() ? nodeFolderSystem.rename(from, to) : Promise.reject(new Cut())),
      syncFolder: async (path) => (step() ? nodeFolderSystem.syncFolder(path) : Promise.reject(new Cut())),
      list: async (path) => (step() ? nodeFolderSystem.list(path) : Promise.reject(new Cut())),
      remove: async (path) => (step() ? nodeFolderSystem.remove(path) : Promise.reject(new Cut())),
    };
  }

  it('leaves the state before or the new one, whatever the operation', async () => {
    await using collection = await filled();
    const before = [...collection];
    await collection.save(folder);
    await collection.upsert({ id: 'new', vector: [1, 1, 1] });
    const after = [...collection];
    const outcomes: string[] = [];
    for (let operations = 0; outcomes.at(-1) !== 'done'; operations++) {
      const path = `${folder}-cut-${operations}`;
      cpSync(folder, path, { recursive: true });
      const error = await saveWith(collection, path, cutAfter(operations));
      const found = await contentsOf(path);
      const isNew = found.length === after.length;
      expect(found).toEqual(isNew ? after : before);
      outcomes.push(error === undefined && readdirSync(path).length === 3 ? 'done' : isNew ? 'new' : 'before');
      // The next save works, and removes what the cut has left.
      await collection.save(path);
      expect(await contentsOf(path)).toEqual(after);
      expect(readdirSync(path)).toHaveLength(3);
      expect(existsSync(join(path, 'manifest.json'))).toBe(true);
    }
    expect(outcomes).toEqual([...Array<string>(5).fill('before'), 'new', 'new', 'new', 'new', 'done']);
  });

  async function saveWith(collection: Collection, path: string, system: FolderSystem): Promise<unknown> {
    const { saveFolder } = await import('../src/folder/save-folder.js');
    await using copy = await executor.matrix(Float32Array.from([...collection].flatMap(({ vector }) => [...vector])), {
      dimensions: 3,
    });
    const items = [...collection].map(({ id, metadata }) => ({ id, metadata }));
    const begin = async (file: string) => ({ items, vectorsSaved: copy.save(file) });
    return await saveFolder(path, collection, begin, system).then(
      () => undefined,
      (error: unknown) => error,
    );
  }
});
