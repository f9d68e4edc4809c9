import { describe, expect, it, vi } from 'vitest';
import { createCollection, type Collection, type CollectionItem } from '../src/index.js';
import { idsOf, openExecutor } from './collection-setup.js';

const executor = await openExecutor();

async function filled(): Promise<Collection<{ name?: string }>> {
  const collection = await createCollection<{ name?: string }>(executor, { dimensions: 2 });
  await collection.upsert([
    { id: 'a', vector: [1, 0], metadata: { name: 'east' } },
    { id: 'b', vector: [0.8, 0.6], metadata: { name: 'north-east' } },
    { id: 'c', vector: new Float32Array([0, 1]) },
  ]);
  return collection;
}

describe('upsert and get', () => {
  it('adds items and finds them by their ids', async () => {
    await using collection = await filled();
    expect(collection.size).toBe(3);
    expect([...collection.ids()]).toEqual(['a', 'b', 'c']);
    expect(collection.get('a')).toEqual({ id: 'a', vector: new Float32Array([1, 0]), metadata: { name: 'east' } });
    expect(collection.get('c')).toEqual({ id: 'c', vector: new Float32Array([0, 1]), metadata: {} });
    expect(collection.get('d')).toBeUndefined();
    expect(collection.has('b')).toBe(true);
    expect(collection.has('d')).toBe(false);
    expect([...collection].map(({ id, metadata }) => [id, metadata.name])).toEqual([
      ['a', 'east'],
      ['b', 'north-east'],
      ['c', undefined],
    ]);
  });

  it('takes one item without an array', async () => {
    await using collection = await createCollection(executor, { dimensions: 1 });
    await collection.upsert({ id: 1, vector: [3] });
    expect(collection.get(1)?.vector).toEqual(new Float32Array([3]));
  });

  it('keeps 1, the text 1 and the bigint 1 as three ids, and 0 and -0 as one', async () => {
    await using collection = await createCollection(executor, { dimensions: 1 });
    await collection.upsert([
      { id: 1, vector: [1] },
      { id: '1', vector: [2] },
      { id: 1n, vector: [3] },
      { id: 0, vector: [4] },
      { id: -0, vector: [5] },
    ]);
    expect([...collection.ids()]).toEqual([1, '1', 1n, 0]);
    expect([1, '1', 1n, -0].map((id) => collection.get(id)?.vector[0])).toEqual([1, 2, 3, 5]);
    expect(await collection.delete('1')).toBe(1);
    expect([...collection.ids()]).toEqual([1, 1n, 0]);
  });

  it('replaces the vector and the metadata of an id that is there, and keeps its place', async () => {
    await using collection = await filled();
    await collection.upsert([
      { id: 'a', vector: [0, -1], metadata: { name: 'south' } },
      { id: 'd', vector: [-1, 0] },
      { id: 'b', vector: [0.6, 0.8] },
    ]);
    expect([...collection.ids()]).toEqual(['a', 'b', 'c', 'd']);
    expect(collection.get('a')).toEqual({ id: 'a', vector: new Float32Array([0, -1]), metadata: { name: 'south' } });
    expect(collection.get('b')?.metadata).toEqual({});
    expect(idsOf(await collection.query({ vector: [0, -1], k: 2 }))).toEqual(['a', 'd']);
  });

  it('keeps the last of several items with one id in a batch', async () => {
    await using collection = await createCollection(executor, { dimensions: 1 });
    await collection.upsert([
      { id: 'twice', vector: [1], metadata: { first: true } },
      { id: 'once', vector: [2] },
      { id: 'twice', vector: [3] },
    ]);
    expect([...collection].map(({ id, vector, metadata }) => [id, vector[0], metadata])).toEqual([
      ['twice', 3, {}],
      ['once', 2, {}],
    ]);
  });

  it('accepts an empty batch', async () => {
    await using collection = await createCollection(executor, { dimensions: 1 });
    await collection.upsert([]);
    expect(collection.size).toBe(0);
  });

  it('copies vectors and metadata in and out', async () => {
    await using collection = await createCollection<{ tags: string[] }>(executor, { dimensions: 2 });
    const item = { id: 'a', vector: new Float32Array([1, 2]), metadata: { tags: ['x'] } };
    const added = collection.upsert([item]);
    item.vector[0] = 9;
    item.metadata.tags.push('later');
    await added;
    const first = collection.get('a');
    expect(first).toEqual({ id: 'a', vector: new Float32Array([1, 2]), metadata: { tags: ['x'] } });
    first?.metadata.tags.push('mine');
    first?.vector.fill(0);
    const [match] = await collection.query({ vector: [1, 2], k: 1, includeVectors: true });
    match.metadata?.tags.push('mine too');
    match.vector?.fill(0);
    expect(collection.get('a')).toEqual({ id: 'a', vector: new Float32Array([1, 2]), metadata: { tags: ['x'] } });
  });

  it('makes changes in the order of the calls', async () => {
    await using collection = await createCollection(executor, { dimensions: 1 });
    const added = collection.upsert([{ id: 'a', vector: [1] }]);
    const deleted = collection.delete(['a']);
    const again = collection.upsert([{ id: 'a', vector: [2] }]);
    expect(await deleted).toBe(1);
    await Promise.all([added, again]);
    expect(collection.get('a')?.vector).toEqual(new Float32Array([2]));
  });
});

describe('metadata', () => {
  it.each([
    ['a function', { f: () => 1 }, /metadata\.f: expected a JSON value, got a function/],
    ['a bigint', { big: 1n }, /metadata\.big: expected a JSON value, got 1/],
    ['a symbol', { s: Symbol('s') }, /metadata\.s: expected a JSON value, got a symbol/],
    ['a date', { at: new Date(0) }, /metadata\.at: expected a plain object .*got an object of type Date/],
    ['a map', { deep: [{ m: new Map() }] }, /metadata\.deep\[0\]\.m: expected a plain object/],
    ['NaN', { n: [0, NaN] }, /metadata\.n\[1\]: expected a finite number, got NaN/],
    ['a hole', { n: [undefined] }, /metadata\.n\[0\]: expected a JSON value, got undefined/],
    ['an array', [1], /metadata: expected a plain object/],
    ['a number', 5, /metadata: expected an object, got 5/],
    ['null', null, /metadata: expected an object, got null/],
  ])('refuses %s', async (_name, metadata, message) => {
    await using collection = await createCollection(executor, { dimensions: 1 });
    const adding = collection.upsert([{ id: 'a', vector: [1], metadata: metadata as object as never }]);
    await expect(adding).rejects.toThrow(message);
    expect(collection.size).toBe(0);
  });

  it('refuses an object that contains itself', async () => {
    await using collection = await createCollection(executor, { dimensions: 1 });
    const metadata: Record<string, unknown> = {};
    metadata['self'] = metadata;
    const adding = collection.upsert([{ id: 'a', vector: [1], metadata: metadata as never }]);
    await expect(adding).rejects.toThrow(
      /^items\[0\]\.metadata(\.self)+[.self]*\.\.\.: expected at most 100 levels of objects and arrays$/,
    );
  });

  it('leaves out properties that are undefined, and keeps unusual names', async () => {
    await using collection = await createCollection(executor, { dimensions: 1 });
    const metadata = JSON.parse('{"__proto__":{"x":1},"constructor":2,"":3,"a.b":4}') as never;
    await collection.upsert([
      { id: 'odd', vector: [1], metadata },
      { id: 'gaps', vector: [1], metadata: { there: null, absent: undefined } as never },
    ]);
    expect(JSON.stringify(collection.get('odd')?.metadata)).toBe('{"__proto__":{"x":1},"constructor":2,"":3,"a.b":4}');
    expect(Object.keys(collection.get('gaps')?.metadata ?? {})).toEqual(['there']);
    expect(({} as { x?: number }).x).toBeUndefined();
  });
});

describe('wrong arguments', () => {
  const good: CollectionItem = { id: 'new', vector: [1, 0] };

  it.each([
    [
      'an id of another type',
      { id: true, vector: [1, 2] },
      TypeError,
      'items[1].id: expected a string, a finite number or a bigint, got true',
    ],
    ['an id that is missing', { vector: [1, 2] }, TypeError, 'items[1].id: expected a string'],
    ['an id that is NaN', { id: NaN, vector: [1, 2] }, RangeError, 'items[1].id: expected a string'],
    [
      'a vector that is missing',
      { id: 'x' },
      TypeError,
      'items[1].vector: expected a Float32Array or an array of numbers, got undefined',
    ],
    [
      'a vector that is too short',
      { id: 'x', vector: [1] },
      RangeError,
      'items[1].vector: expected 2 elements, the dimensions of the collection, got 1',
    ],
    [
      'a vector with a text',
      { id: 'x', vector: [1, '2'] },
      TypeError,
      "items[1].vector[1]: expected a number, got '2'",
    ],
    [
      'a vector with NaN',
      { id: 'x', vector: [NaN, 1] },
      RangeError,
      'items[1].vector[0]: expected a finite float32 number, got NaN',
    ],
    [
      'a vector past float32',
      { id: 'x', vector: new Float64Array([1, 1]) },
      TypeError,
      'items[1].vector: expected a Float32Array or an array of numbers',
    ],
    [
      'a number past float32',
      { id: 'x', vector: [1, 1e300] },
      RangeError,
      'items[1].vector[1]: expected a finite float32 number, got 1e+300',
    ],
    [
      'a misspelt property',
      { id: 'x', vector: [1, 2], meta: {} },
      TypeError,
      "items[1]: 'meta' is not an option; did you mean 'metadata'?",
    ],
    ['something else', 5, TypeError, 'items[1]: expected an object, got 5'],
  ])('upsert refuses %s and changes nothing', async (_name, item, type, message) => {
    await using collection = await filled();
    const before = [...collection];
    const adding = collection.upsert([good, item as never]);
    await expect(adding).rejects.toThrow(type);
    await expect(adding).rejects.toThrow(message);
    expect([...collection]).toEqual(before);
  });

  it('names a single item without a number', async () => {
    await using collection = await filled();
    await expect(collection.upsert({ id: 'x', vector: [1] })).rejects.toThrow('item.vector: expected 2 elements');
  });

  it('delete, has and get refuse what is not an id', async () => {
    await using collection = await filled();
    await expect(collection.delete(['a', null as never])).rejects.toThrow('ids[1]: expected a string');
    await expect(collection.delete({} as never)).rejects.toThrow('ids: expected a string');
    expect(collection.has('a')).toBe(true);
    expect(() => collection.has(undefined as never)).toThrow('id: expected a string');
    expect(() => collection.get({} as never)).toThrow('id: expected a string');
  });

  it.each([
    [{ k: 1 }, 'query: expected either vector or vectors, got neither'],
    [{ vector: [1, 0], vectors: [], k: 1 }, 'query: expected either vector or vectors, got both'],
    [{ vector: [1], k: 1 }, 'vector: expected 2 elements, the dimensions of the collection, got 1'],
    [{ vectors: [[1, 0], [1]], k: 1 }, 'vectors[1]: expected 2 elements'],
    [{ vectors: 'no', k: 1 }, "vectors: expected an array of vectors, got 'no'"],
    [{ vector: [1, 0] }, 'k: expected'],
    [{ vector: [1, 0], k: 0 }, 'k: expected'],
    [{ vector: [1, 0], k: 1, topK: 5 }, "query: 'topK' is not an option"],
    [{ vector: [1, 0], k: 1, includeVectors: 1 }, 'includeVectors: expected a boolean, got 1'],
    [{ vector: [1, 0], k: 1, includeMetadata: 'no' }, "includeMetadata: expected a boolean, got 'no'"],
    [{ vector: [1, 0], k: 1, where: 'tag' }, "where: expected a filter or a predicate, got 'tag'"],
  ])('query refuses %j', async (query, message) => {
    await using collection = await filled();
    await expect(collection.query(query as never)).rejects.toThrow(message);
  });

  it.each([
    [{}, 'dimensions: expected'],
    [{ dimensions: 0 }, 'dimensions: expected an integer of at least 1, got 0'],
    [{ dimensions: 2, metric: 'l2' }, "metric: expected one of cosine, dot, euclidean, got 'l2'"],
    [{ dimensions: 2, autoCompact: 1 }, 'autoCompact: expected a boolean, got 1'],
    [{ dimensions: 2, cachedFilters: -1 }, 'cachedFilters: expected an integer of at least 0, got -1'],
    [{ dimensions: 2, dimension: 2 }, "options: 'dimension' is not an option; did you mean 'dimensions'?"],
  ])('createCollection refuses %j', async (options, message) => {
    await expect(createCollection(executor, options as never)).rejects.toThrow(message);
  });

  it('createCollection refuses what is not an executor', async () => {
    await expect(createCollection({} as never, { dimensions: 1 })).rejects.toThrow('executor: expected an executor');
    await expect(createCollection(undefined as never, { dimensions: 1 })).rejects.toThrow('executor: expected');
  });
});

describe('query', () => {
  it('gives ids, scores and metadata, best first', async () => {
    await using collection = await filled();
    expect(await collection.query({ vector: [1, 0], k: 2 })).toEqual([
      { id: 'a', score: expect.closeTo(1, 5), metadata: { name: 'east' } },
      { id: 'b', score: expect.closeTo(0.8, 5), metadata: { name: 'north-east' } },
    ]);
  });

  it('gives vectors when asked, and no metadata when not', async () => {
    await using collection = await filled();
    const [match] = await collection.query({ vector: [1, 0], k: 1, includeVectors: true, includeMetadata: false });
    expect(match).toEqual({ id: 'a', score: expect.closeTo(1, 5), vector: new Float32Array([1, 0]) });
  });

  it('answers several vectors at a time', async () => {
    await using collection = await filled();
    const answers = await collection.query({ vectors: [[1, 0], new Float32Array([0, 1])], k: 2 });
    expect(answers.map(idsOf)).toEqual([
      ['a', 'b'],
      ['c', 'b'],
    ]);
    expect(await collection.query({ vectors: [], k: 1 })).toEqual([]);
  });

  it('finds at most as many as there are, and nothing in an empty collection', async () => {
    await using collection = await filled();
    expect(await collection.query({ vector: [1, 0], k: 100 })).toHaveLength(3);
    await using empty = await createCollection(executor, { dimensions: 2 });
    expect(await empty.query({ vector: [1, 0], k: 3 })).toEqual([]);
    expect(
      await empty.query({
        vectors: [
          [1, 0],
          [0, 1],
        ],
        k: 3,
      }),
    ).toEqual([[], []]);
  });

  it.each([
    ['dot', ['far', 'near'], [4, 1]],
    ['euclidean', ['near', 'far'], [0, 3]],
  ] as const)('ranks by the metric %s', async (metric, ids, scores) => {
    await using collection = await createCollection(executor, { dimensions: 2, metric });
    await collection.upsert([
      { id: 'near', vector: [1, 0] },
      { id: 'far', vector: [4, 0] },
    ]);
    expect(collection.metric).toBe(metric);
    const matches = await collection.query({ vector: [1, 0], k: 2 });
    expect(idsOf(matches)).toEqual(ids);
    expect(matches.map(({ score }) => score)).toEqual(scores.map((score) => expect.closeTo(score, 4)));
  });

  it('passes signal and deadline to the executor', async () => {
    await using collection = await filled();
    await expect(collection.query({ vector: [1, 0], k: 1, signal: AbortSignal.abort() })).rejects.toThrow('abort');
    const topK = vi.spyOn(executor, 'topK');
    await collection.query({ vector: [1, 0], k: 1, deadlineMs: 5000 });
    expect(topK.mock.calls[0][2]).toMatchObject({ deadlineMs: 5000 });
    topK.mockRestore();
  });
});

describe('dispose', () => {
  it('gives back the matrix after the changes under way, and refuses later calls', async () => {
    const collection = await filled();
    const added = collection.upsert([{ id: 'late', vector: [1, 1] }]);
    const answer = collection.query({ vector: [1, 0], k: 1 });
    const disposal = collection.dispose();
    await added;
    expect(idsOf(await answer)).toEqual(['a']);
    await disposal;
    await collection.dispose();
    await collection[Symbol.asyncDispose]();
    await expect(collection.query({ vector: [1, 0], k: 1 })).rejects.toThrow('collection is disposed');
    await expect(collection.upsert([])).rejects.toThrow('collection is disposed');
    await expect(collection.delete('a')).rejects.toThrow('collection is disposed');
    await expect(collection.compact()).rejects.toThrow('collection is disposed');
    expect(() => collection.get('a')).toThrow('collection is disposed');
    expect(() => collection.has('a')).toThrow('collection is disposed');
    expect(() => collection.ids()).toThrow('collection is disposed');
    expect(() => [...collection]).toThrow('collection is disposed');
  });
});
