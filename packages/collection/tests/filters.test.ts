import { describe, expect, it } from 'vitest';
import { createCollection, FILTER_OPERATORS, type Collection, type Filter } from '../src/index.js';
import { FilterSets } from '../src/filter/filter-sets.js';
import type { ItemRows } from '../src/view.js';
import { createRandom, idsOf, openExecutor, randomVector } from './collection-setup.js';

const executor = await openExecutor();

interface Place {
  tenant?: string;
  year?: number;
  tags?: string[];
  at?: { city: string };
}

const PLACES: Record<string, Place> = {
  a: { tenant: 'acme', year: 2019, tags: ['x'], at: { city: 'Bern' } },
  b: { tenant: 'acme', year: 2021, tags: ['x', 'y'] },
  c: { tenant: 'other', year: 2021, at: { city: 'Rome' } },
  d: {},
};

async function places(): Promise<Collection<Place>> {
  const collection = await createCollection<Place>(executor, { dimensions: 2 });
  await collection.upsert(Object.entries(PLACES).map(([id, metadata], i) => ({ id, vector: [1, i], metadata })));
  return collection;
}

async function matching(collection: Collection<Place>, where: Filter): Promise<unknown[]> {
  return idsOf(await collection.query({ vector: [1, 0], k: 10, where })).sort();
}

describe('filters', () => {
  it.each<[Filter, string[]]>([
    [{}, ['a', 'b', 'c', 'd']],
    [{ tenant: 'acme' }, ['a', 'b']],
    [{ tenant: 'acme', year: 2021 }, ['b']],
    [{ year: { $gt: 2019, $lte: 2021 } }, ['b', 'c']],
    [{ year: { $gte: 2019, $lt: 2021 } }, ['a']],
    [{ tenant: { $in: ['other', 'third'] } }, ['c']],
    [{ tenant: { $nin: ['other'] } }, ['a', 'b', 'd']],
    [{ tenant: { $ne: 'acme' } }, ['c', 'd']],
    [{ tenant: { $eq: 'acme' } }, ['a', 'b']],
    [{ year: { $exists: false } }, ['d']],
    [{ 'at.city': 'Rome' }, ['c']],
    [{ at: { city: 'Bern' } }, ['a']],
    [{ tags: 'y' }, ['b']],
    [{ tags: { $all: ['x', 'y'] } }, ['b']],
    [{ tags: { $size: 1 } }, ['a']],
    [{ tags: { $elemMatch: { $eq: 'x' } } }, ['a', 'b']],
    [{ $or: [{ year: 2019 }, { 'at.city': 'Rome' }] }, ['a', 'c']],
    [{ $and: [{ tenant: 'acme' }, { year: 2019 }] }, ['a']],
    [{ $nor: [{ tenant: 'acme' }, { year: 2021 }] }, ['d']],
    [{ year: { $not: { $gt: 2019 } } }, ['a', 'd']],
    [{ year: { $mod: [2, 1] } }, ['a', 'b', 'c']],
    [{ tenant: { $regex: '^AC', $options: 'i' } }, ['a', 'b']],
    [{ tenant: { $type: 'string' } }, ['a', 'b', 'c']],
    [{ tenant: 'nothing' }, []],
  ])('%j chooses %j', async (where, ids) => {
    await using collection = await places();
    expect(await matching(collection, where)).toEqual(ids);
    expect(await matching(collection, where)).toEqual(ids);
  });

  it('has a test for every operator that is documented', () => {
    expect(FILTER_OPERATORS).toHaveLength(20);
  });

  it('choose by a predicate of metadata and id', async () => {
    await using collection = await places();
    const where = (metadata: Readonly<Place>, id: unknown): boolean => metadata.year === 2021 || id === 'd';
    expect(idsOf(await collection.query({ vector: [1, 0], k: 10, where })).sort()).toEqual(['b', 'c', 'd']);
  });

  it('apply to each of several vectors, with a score to reach', async () => {
    await using collection = await places();
    const found = await collection.query({
      vectors: [
        [1, 0],
        [0, 1],
        [-1, 0],
      ],
      k: 3,
      where: { tenant: 'acme' },
      minScore: 0.5,
    });
    expect(found.map(idsOf)).toEqual([['a', 'b'], ['b'], []]);
    expect(found.flat().every(({ score }) => score >= 0.5)).toBe(true);
    expect(idsOf(await collection.query({ vector: [0, 1], k: 3, minScore: 0.9 }))).toEqual(['d']);
  });

  it.each<[unknown, string]>([
    [{ tenant: undefined }, 'where.tenant: expected a JSON value, got undefined'],
    [{ tenant: { $in: ['a', undefined] } }, 'where.tenant.$in[1]: expected a JSON value, got undefined'],
    [{ $where: 'process.exit()' }, "where: '$where' is not supported; pass a predicate instead"],
    [{ tenant: { $where: () => true } }, "where.tenant: '$where' is not supported"],
    [{ $or: [{ $where: 'true' }] }, "where.$or[0]: '$where' is not supported"],
    [{ year: { $near: 5 } }, "where.year: '$near' is not supported; the operators are $eq, $ne"],
    [{ tags: { $Size: 1 } }, "where.tags: '$Size' is not supported"],
    [{ tenant: /acme/ }, 'where.tenant: expected a plain object'],
    [{ at: new Date(0) }, 'where.at: expected a plain object'],
    [{ year: NaN }, 'where.year: expected a JSON value, got NaN'],
    [{ constructor: 'x' }, "where: a filter cannot have a condition on 'constructor'; pass a predicate instead"],
    [{ $and: [] }, 'where: expected a filter with operators in their places, got {"$and":[]}: '],
    [{ $or: 5 }, 'where: expected a filter with operators in their places'],
    [{ tenant: { $regex: '(' } }, 'where: expected a filter with operators in their places'],
    [{ tenant: { name: 1, $eq: 2 } }, 'where: expected a filter with operators in their places'],
    [[{ tenant: 'acme' }], 'where: expected a plain object'],
    [JSON.parse('{"a":'.repeat(40) + '1' + '}'.repeat(40)), 'expected at most 32 levels of objects and arrays'],
  ])('%j is refused', async (where, message) => {
    await using collection = await places();
    await expect(collection.query({ vector: [1, 0], k: 1, where: where as Filter })).rejects.toThrow(message);
    await expect(collection.query({ vector: [1, 0], k: 1, where: where as Filter })).rejects.toThrow(
      /^(?!.*undefined is not)/,
    );
  });

  it('a predicate that answers with anything but true or false is refused, and one that throws rejects the query', async () => {
    await using collection = await places();
    const asking = collection.query({ vector: [1, 0], k: 1, where: (async () => true) as never });
    await expect(asking).rejects.toThrow('the result of where: expected true or false, got a Promise');
    const failing = collection.query({
      vector: [1, 0],
      k: 1,
      where: () => {
        throw new Error('mine');
      },
    });
    await expect(failing).rejects.toThrow('mine');
  });

  it('a predicate cannot change the metadata of an item', async () => {
    await using collection = await places();
    const where = (metadata: Place): boolean => {
      metadata.tags?.push('changed');
      return true;
    };
    await expect(collection.query({ vector: [1, 0], k: 1, where })).rejects.toThrow(TypeError);
    expect(collection.get('a')?.metadata.tags).toEqual(['x']);
  });

  it('see added, replaced and deleted items', async () => {
    await using collection = await places();
    expect(await matching(collection, { tenant: 'acme' })).toEqual(['a', 'b']);
    await collection.upsert([
      { id: 'e', vector: [1, 5], metadata: { tenant: 'acme' } },
      { id: 'a', vector: [1, 0], metadata: { tenant: 'other' } },
      { id: 'd', vector: [1, 3], metadata: { tenant: 'acme' } },
    ]);
    await collection.delete('b');
    expect(await matching(collection, { tenant: 'acme' })).toEqual(['d', 'e']);
    await collection.compact();
    expect(await matching(collection, { tenant: 'acme' })).toEqual(['d', 'e']);
    expect(await matching(collection, { tenant: 'other' })).toEqual(['a', 'c']);
  });
});

describe('rows of a filter', () => {
  const itemsOf = (tags: (string | undefined)[]): ItemRows =>
    tags.map((tag, id) => (tag === undefined ? undefined : { id, metadata: { tag } }));

  /** Items that count how often a filter looks at them. */
  function counted(tags: string[]): { items: ItemRows; reads: () => number } {
    let reads = 0;
    const items = tags.map((tag, id) => ({
      id,
      metadata: {
        get tag() {
          reads += 1;
          return tag;
        },
      },
    }));
    return {
      items,
      reads: () => {
        const before = reads;
        reads = 0;
        return before;
      },
    };
  }

  it('are found once, and then only for rows that were added or changed', () => {
    const { items, reads } = counted(Array.from({ length: 1000 }, (_, i) => (i % 2 === 0 ? 'even' : 'odd')));
    const sets = new FilterSets(4);
    expect(sets.rowsOf({ tag: 'even' }, items).rowCount).toBe(1000);
    const perRow = reads() / 1000;
    expect(perRow).toBeGreaterThanOrEqual(1);
    sets.rowsOf({ tag: 'even' }, items);
    expect(reads()).toBe(0);
    sets.rowsOf(JSON.parse('{"tag":"even"}') as Filter, items);
    expect(reads()).toBe(0);
    sets.change([3, 5], items.length);
    items.push(items[0], items[1], items[2]);
    sets.rowsOf({ tag: 'even' }, items);
    expect(reads()).toBe(5 * perRow);
  });

  it('are the same for a filter with its names in another order', () => {
    const { items, reads } = counted(['even', 'odd']);
    const sets = new FilterSets(4);
    sets.rowsOf({ tag: { $in: ['even'], $exists: true }, $and: [{ a: null }] }, items);
    reads();
    sets.rowsOf({ $and: [{ a: null }], tag: { $exists: true, $in: ['even'] } }, items);
    expect(reads()).toBe(0);
    sets.rowsOf({ $and: [{ a: null }], tag: { $exists: true, $in: ['odd'] } }, items);
    expect(reads()).toBeGreaterThan(0);
  });

  it('are forgotten for the filter that was not used for the longest time', () => {
    const { items, reads } = counted(['even', 'odd']);
    const sets = new FilterSets(2);
    sets.rowsOf({ tag: 'a' }, items);
    sets.rowsOf({ tag: 'b' }, items);
    sets.rowsOf({ tag: 'a' }, items);
    sets.rowsOf({ tag: 'c' }, items);
    reads();
    sets.rowsOf({ tag: 'a' }, items);
    expect(reads()).toBe(0);
    sets.rowsOf({ tag: 'b' }, items);
    expect(reads()).toBeGreaterThan(0);
  });

  it('are right after any changes, compactions included', () => {
    const random = createRandom(7);
    const sets = new FilterSets(3);
    let tags: (string | undefined)[] = [];
    const tag = (): string => ['a', 'b', 'c', 'd'][Math.floor(random() * 4)];
    const items = (): ItemRows => itemsOf(tags);
    for (let step = 0; step < 3000; step++) {
      const choice = random();
      if (choice < 0.35 || tags.length === 0) {
        tags.push(...Array.from({ length: 1 + Math.floor(random() * 3) }, tag));
      } else if (choice < 0.9) {
        const row = Math.floor(random() * tags.length);
        tags[row] = random() < 0.5 || tags[row] === undefined ? undefined : tag();
        sets.change([row], tags.length);
      } else if (choice < 0.93) {
        let next = 0;
        sets.compact(Uint32Array.from(tags, (value) => (value === undefined ? 0xffff_ffff : next++)));
        tags = tags.filter((value) => value !== undefined);
      }
      if (random() < 0.3) {
        const wanted = tag();
        const { rowCount, words } = sets.rowsOf({ tag: wanted }, items());
        expect(rowCount).toBe(tags.length);
        const found = tags.map((_, row) => ((words[row >>> 5] >>> (row & 31)) & 1) === 1);
        expect(found).toEqual(tags.map((value) => value === wanted));
      }
    }
  });
});

it('a filter on many items finds what a scan by hand finds', async () => {
  const random = createRandom(3);
  await using collection = await createCollection<{ n: number }>(executor, { dimensions: 8 });
  const items = Array.from({ length: 500 }, (_, n) => ({
    id: n,
    vector: randomVector(random, 8),
    metadata: { n: n % 10 },
  }));
  await collection.upsert(items);
  const vector = randomVector(random, 8);
  const all = await collection.query({ vector, k: 500 });
  for (const n of [0, 3, 9]) {
    const found = await collection.query({ vector, k: 20, where: { n } });
    expect(found).toEqual(all.filter(({ metadata }) => metadata?.n === n).slice(0, 20));
  }
});
