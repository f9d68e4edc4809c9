import { describe, expect, it, vi } from 'vitest';
import { createCollection, type Collection, type CollectionExecutor, type CollectionMatrix } from '../src/index.js';
import { bestByHand, createRandom, idsOf, openExecutor, randomVector, type Tagged } from './collection-setup.js';

const executor = await openExecutor();
const DIMENSIONS = 6;

/** The executor, and the matrix of the next collection. */
function watched(change: (matrix: CollectionMatrix) => void = () => {}): {
  executor: CollectionExecutor;
  matrix: () => CollectionMatrix;
} {
  let made: CollectionMatrix | undefined;
  return {
    executor: {
      open: (path, options) => executor.open(path, options),
      topK: (query, matrix, options) => executor.topK(query, matrix, options),
      matrix: async (values, options) => {
        made = await executor.matrix(values, options);
        change(made);
        return made;
      },
    },
    matrix: () => {
      if (made === undefined) throw new Error('the collection is not there yet');
      return made;
    },
  };
}

describe('delete', () => {
  it('removes items from queries, and ignores ids that are not there', async () => {
    await using collection = await createCollection(executor, { dimensions: 1 });
    await collection.upsert([1, 2, 3].map((id) => ({ id, vector: [id] })));
    expect(await collection.delete([2, 9, 2])).toBe(1);
    expect(idsOf(await collection.query({ vector: [1], k: 3 }))).toEqual([1, 3]);
    expect(collection.get(2)).toBeUndefined();
    expect(collection.size).toBe(2);
    expect(await collection.delete([])).toBe(0);
    await collection.upsert({ id: 2, vector: [5] });
    expect(collection.get(2)?.vector[0]).toBe(5);
    expect(idsOf(await collection.query({ vector: [1], k: 3 })).sort()).toEqual([1, 2, 3]);
  });

  it('compacts when more than half of the rows belong to deleted items', async () => {
    const { executor: own, matrix } = watched();
    await using collection = await createCollection(own, { dimensions: 1 });
    await collection.upsert(Array.from({ length: 10 }, (_, id) => ({ id, vector: [id] })));
    await collection.delete([0, 2, 4, 6, 8]);
    expect(matrix().rows).toBe(10);
    await collection.delete(1);
    expect(matrix().rows).toBe(4);
    expect([...collection].map(({ id, vector }) => [id, vector[0]])).toEqual([3, 5, 7, 9].map((id) => [id, id]));
    await collection.upsert({ id: 'new', vector: [1] });
    expect(await collection.delete([3, 'new'])).toBe(2);
    expect([...collection.ids()]).toEqual([5, 7, 9]);
  });

  it('compacts only when asked with autoCompact: false', async () => {
    const { executor: own, matrix } = watched();
    await using collection = await createCollection(own, { dimensions: 1, autoCompact: false });
    await collection.upsert(Array.from({ length: 10 }, (_, id) => ({ id, vector: [id] })));
    await collection.delete([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(matrix().rows).toBe(10);
    await collection.compact();
    await collection.compact();
    expect(matrix().rows).toBe(1);
    expect(idsOf(await collection.query({ vector: [1], k: 3 }))).toEqual([9]);
  });
});

describe('a change that fails', () => {
  const failing = new RangeError('no room');

  it('adds nothing when rows cannot be appended', async () => {
    const { executor: own, matrix } = watched();
    await using collection = await createCollection(own, { dimensions: 1 });
    await collection.upsert({ id: 'a', vector: [1] });
    vi.spyOn(matrix(), 'append').mockRejectedValueOnce(failing);
    await expect(
      collection.upsert([
        { id: 'b', vector: [2] },
        { id: 'a', vector: [3] },
      ]),
    ).rejects.toBe(failing);
    expect([...collection].map(({ id, vector }) => [id, vector[0]])).toEqual([['a', 1]]);
    await collection.upsert({ id: 'c', vector: [4] });
    expect([...collection.ids()]).toEqual(['a', 'c']);
  });

  it('restores the rows that were overwritten when a later one cannot be', async () => {
    const { executor: own, matrix } = watched();
    await using collection = await createCollection(own, { dimensions: 1, metric: 'dot' });
    await collection.upsert([1, 2, 3, 4, 5].map((id) => ({ id, vector: [id], metadata: { id } })));
    const update = matrix().update.bind(matrix());
    let calls = 0;
    const spy = vi.spyOn(matrix(), 'update').mockImplementation(async (change) => {
      calls += 1;
      if (calls === 3) throw failing;
      await update(change);
    });
    const adding = collection.upsert([
      { id: 1, vector: [10] },
      { id: 'new', vector: [20] },
      { id: 3, vector: [30] },
      { id: 5, vector: [50] },
    ]);
    await expect(adding).rejects.toBe(failing);
    spy.mockRestore();
    const expected = [5, 4, 3, 2, 1].map((id) => ({ id, score: id, metadata: { id } }));
    expect(await collection.query({ vector: [1], k: 9 })).toEqual(expected);
    await collection.upsert([{ id: 'other', vector: [6] }]);
    expect(idsOf(await collection.query({ vector: [1], k: 2, where: {} }))).toEqual(['other', 5]);
    await collection.delete([1, 2, 3, 4]);
    expect(idsOf(await collection.query({ vector: [1], k: 9 }))).toEqual(['other', 5]);
  });
});

describe('queries during changes', () => {
  it('are answered from the state before a change that is under way, and from that after one that has ended', async () => {
    let proceed: () => void = () => {};
    const { executor: own, matrix } = watched();
    await using collection = await createCollection<Tagged>(own, { dimensions: 1, metric: 'dot' });
    await collection.upsert([1, 2, 3].map((n) => ({ id: `id${n}`, vector: [n], metadata: { tag: 'old', n } })));
    const update = matrix().update.bind(matrix());
    vi.spyOn(matrix(), 'update').mockImplementation(async (change) => {
      await update(change);
      await new Promise<void>((resolve) => (proceed = resolve));
    });
    const changing = collection.upsert([
      { id: 'id1', vector: [10], metadata: { tag: 'new', n: 10 } },
      { id: 'id4', vector: [40], metadata: { tag: 'new', n: 40 } },
    ]);
    await vi.waitFor(() => expect(matrix().update).toHaveBeenCalled(), 50_000);
    const before = [3, 2, 1].map((n) => ({ id: `id${n}`, score: n, metadata: { tag: 'old', n } }));
    expect(await collection.query({ vector: [1], k: 9 })).toEqual(before);
    expect(await collection.query({ vector: [1], k: 9, where: { tag: 'old' } })).toEqual(before);
    expect(await collection.query({ vector: [1], k: 9, where: { tag: 'new' } })).toEqual([]);
    expect(collection.get('id1')?.vector[0]).toBe(1);
    expect(collection.has('id4')).toBe(false);
    proceed();
    await changing;
    expect(await collection.query({ vector: [1], k: 2, where: { tag: 'new' } })).toEqual(
      [4, 1].map((n) => ({ id: `id${n}`, score: 10 * n, metadata: { tag: 'new', n: 10 * n } })),
    );
  });

  it('give ids, metadata and vectors of their own state, across replacements, deletions and compactions', async () => {
    let release: (() => void) | undefined;
    let isHeld = false;
    const own: CollectionExecutor = {
      open: (path, options) => executor.open(path, options),
      matrix: (values, options) => executor.matrix(values, options),
      topK: async (query, matrix, options) => {
        const holds = isHeld;
        const answer = await executor.topK(query, matrix, options);
        if (holds) await new Promise<void>((resolve) => (release = resolve));
        return answer;
      },
    };
    await using collection = await createCollection<Tagged>(own, { dimensions: 1, metric: 'dot' });
    await collection.upsert([1, 2, 3, 4].map((n) => ({ id: n, vector: [n], metadata: { tag: 'first', n } })));
    isHeld = true;
    const asking = collection.query({ vector: [1], k: 9, includeVectors: true });
    isHeld = false;
    await collection.upsert({ id: 3, vector: [30], metadata: { tag: 'second', n: 30 } });
    await collection.delete([4, 2, 1]);
    await collection.upsert([5, 3].map((n) => ({ id: n, vector: [100 * n], metadata: { tag: 'third', n } })));
    await vi.waitFor(() => expect(release).toBeDefined(), 50_000);
    release?.();
    expect(await asking).toEqual(
      [4, 3, 2, 1].map((n) => ({
        id: n,
        score: n,
        metadata: { tag: 'first', n },
        vector: new Float32Array([n]),
      })),
    );
    expect(idsOf(await collection.query({ vector: [1], k: 9 }))).toEqual([5, 3]);
  });

  it.each([1, 2, 3, 4, 5])('are all answered like a scan of the items at the call (seed %i)', async (seed) => {
    const random = createRandom(seed);
    await using collection = await createCollection<Tagged>(executor, { dimensions: DIMENSIONS });
    /** What the collection contains after the changes that have ended. */
    let known = new Map<number, { id: number; vector: Float32Array; metadata: Tagged }>();
    let changing: Promise<void> = Promise.resolve();
    const answers: Promise<void>[] = [];
    for (let step = 0; step < 150; step++) {
      if (random() < 0.5) {
        changing = change(collection, random, step).then((next) => {
          known = next(known);
        });
        if (random() < 0.5) await changing;
      }
      answers.push(check(collection, random));
      if (random() < 0.2) await Promise.all(answers);
    }
    await changing;
    await Promise.all(answers);
    expect([...collection.ids()].sort()).toEqual([...known.keys()].sort());
  });
});

type Known = Map<number, { id: number; vector: Float32Array; metadata: Tagged }>;

async function change(
  collection: Collection<Tagged>,
  random: () => number,
  step: number,
): Promise<(known: Known) => Known> {
  const ids = Array.from({ length: 1 + Math.floor(random() * 12) }, () => Math.floor(random() * 40));
  if (random() < 0.5) {
    await collection.delete(ids);
    return (known) => new Map([...known].filter(([id]) => !ids.includes(id)));
  }
  const items = ids.map((id) => ({
    id,
    vector: randomVector(random, DIMENSIONS),
    metadata: { tag: `${id % 3}`, n: step },
  }));
  await collection.upsert(items);
  return (known) => new Map([...known, ...items.map((item) => [item.id, item] as const)]);
}

async function check(collection: Collection<Tagged>, random: () => number): Promise<void> {
  const vector = randomVector(random, DIMENSIONS);
  const tag = `${Math.floor(random() * 3)}`;
  const where = random() < 0.5 ? { tag } : undefined;
  const now = new Map([...collection].map((item) => [item.id as number, item]));
  const wanted = [...now.values()].filter(({ metadata }) => where === undefined || metadata.tag === tag);
  const matches = await collection.query({ vector, k: 7, where, includeVectors: true });
  const best = bestByHand(wanted, vector, 7);
  expect(matches.map(({ score }) => score)).toEqual(best.map(({ score }) => expect.closeTo(score, 4)));
  for (const { id, vector: found, metadata } of matches) {
    expect({ vector: found, metadata }).toEqual({
      vector: now.get(id as number)?.vector,
      metadata: now.get(id as number)?.metadata,
    });
  }
}
