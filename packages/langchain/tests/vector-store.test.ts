import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Document } from '@langchain/core/documents';
import { FakeVectorStore } from '@langchain/core/utils/testing';
import { SaveableVectorStore, VectorStore } from '@langchain/core/vectorstores';
import { afterAll, describe, expect, it } from 'vitest';
import { GearshiftVectorStore, type DocumentFilter } from '../src/index.js';
import { LetterEmbeddings, openExecutor } from './store-setup.js';

const executor = await openExecutor();
const embeddings = new LetterEmbeddings();
const ROOT = mkdtempSync(join(tmpdir(), 'gearshift-langchain-'));
afterAll(() => rmSync(ROOT, { recursive: true }));

const TEXTS = ['a gear', 'a large gear', 'a shift of gears', 'the engine', 'the clutch of an engine', 'brakes'];
const DOCUMENTS = TEXTS.map(
  (pageContent, i) =>
    new Document({
      pageContent,
      id: `doc-${i}`,
      metadata: { i, tenant: i % 2 === 0 ? 'even' : 'odd', loc: { line: i } },
    }),
);

function newStore(): GearshiftVectorStore {
  return new GearshiftVectorStore(embeddings, { executor });
}

async function filled(): Promise<GearshiftVectorStore> {
  return GearshiftVectorStore.fromDocuments(DOCUMENTS, embeddings, { executor });
}

function textsOf(documents: readonly Document[]): string[] {
  return documents.map(({ pageContent }) => pageContent);
}

/** What LangChain's standard tests for vector stores check; they exist for Python only. */
describe('the rules of vector stores', () => {
  it('a new store is empty, and independent of others', async () => {
    await using store = newStore();
    expect(await store.similaritySearch('gear', 5)).toEqual([]);
    expect(await store.getByIds(['doc-0'])).toEqual([]);
    await store.delete({ ids: ['doc-0'] });
    await using other = await filled();
    expect(await other.similaritySearch('gear', 1)).toHaveLength(1);
    expect(await store.similaritySearch('gear', 5)).toEqual([]);
  });

  it('added documents are found, with their ids and metadata', async () => {
    await using store = newStore();
    const ids = await store.addDocuments(DOCUMENTS.slice(0, 2));
    expect(ids).toEqual(['doc-0', 'doc-1']);
    const found = await store.similaritySearch('a gear', 2);
    expect(found).toEqual(DOCUMENTS.slice(0, 2));
    expect(found[0]).toBeInstanceOf(Document);
  });

  it('documents without ids get ids of their own, and are not changed', async () => {
    await using store = newStore();
    const document = new Document({ pageContent: 'a gear', metadata: { x: 1 } });
    const [first, second] = await store.addDocuments([document, document]);
    expect(first).toMatch(/^[0-9a-f-]{36}$/);
    expect(second).not.toBe(first);
    expect(document.id).toBeUndefined();
    expect((await store.similaritySearch('gear', 9)).map(({ id }) => id).sort()).toEqual([first, second].sort());
  });

  it('adding documents with the same ids twice keeps one of each', async () => {
    await using store = await filled();
    await store.addDocuments(DOCUMENTS);
    await store.addDocuments(DOCUMENTS, { ids: DOCUMENTS.map(({ id }) => id ?? '') });
    expect(await store.similaritySearch('gear', 99)).toHaveLength(DOCUMENTS.length);
  });

  it('a document replaces the one with its id', async () => {
    await using store = await filled();
    const changed = new Document({ pageContent: 'zzz', metadata: { now: 'changed' } });
    expect(await store.addDocuments([changed], { ids: ['doc-0'] })).toEqual(['doc-0']);
    const [found] = await store.similaritySearch('zzz', 1);
    expect(found).toEqual(new Document({ pageContent: 'zzz', metadata: { now: 'changed' }, id: 'doc-0' }));
    expect(textsOf(await store.similaritySearch('gear', 99))).not.toContain('a gear');
  });

  it('the option ids wins over the ids of documents', async () => {
    await using store = newStore();
    expect(await store.addDocuments(DOCUMENTS.slice(0, 2), { ids: ['x', 'y'] })).toEqual(['x', 'y']);
    expect(textsOf(await store.getByIds(['y', 'doc-0', 'x']))).toEqual(['a large gear', 'a gear']);
  });

  it('deleted documents are not found, and deleting ids that are not there has no effect', async () => {
    await using store = await filled();
    await store.delete({ ids: ['doc-0', 'doc-2'] });
    await store.delete({ ids: ['doc-0', 'never'] });
    expect((await store.similaritySearch('gear', 99)).map(({ id }) => id).sort()).toEqual([
      'doc-1',
      'doc-3',
      'doc-4',
      'doc-5',
    ]);
    expect(await store.getByIds(['doc-0', 'doc-1'])).toEqual([DOCUMENTS[1]]);
  });
});

describe('search', () => {
  it.each<[string, DocumentFilter | undefined, ((document: Document) => boolean) | undefined]>([
    ['no filter', undefined, undefined],
    ['a filter', { tenant: 'even' }, ({ metadata }) => metadata['tenant'] === 'even'],
    [
      'a filter on a part',
      { 'loc.line': { $gte: 3 } },
      ({ metadata }) => (metadata['loc'] as { line: number }).line >= 3,
    ],
    [
      'a filter with $or and $not',
      { $or: [{ tenant: 'odd' }, { $and: [{ i: { $not: { $gt: 0 } } }, { tenant: 'even' }] }] },
      ({ metadata }) => metadata['tenant'] === 'odd' || metadata['i'] === 0,
    ],
    [
      'a predicate',
      ({ pageContent }) => pageContent.startsWith('the'),
      ({ pageContent }) => pageContent.startsWith('the'),
    ],
    ['a filter that nothing passes', { tenant: 'none' }, () => false],
  ])("finds what LangChain's own store finds, with %s", async (_name, filter, predicate) => {
    await using store = await filled();
    const reference = await FakeVectorStore.fromDocuments(DOCUMENTS, embeddings);
    for (const query of ['gear', 'engine', 'a clutch', 'brake']) {
      for (const k of [1, 3, 99]) {
        const found = await store.similaritySearchWithScore(query, k, filter);
        const wanted = await reference.similaritySearchWithScore(query, k, predicate as never);
        expect(found.map(([, score]) => score)).toEqual(wanted.map(([, score]) => expect.closeTo(score, 4)));
        expect(new Set(textsOf(found.map(([document]) => document)))).toEqual(
          new Set(textsOf(wanted.map(([document]) => document))),
        );
      }
    }
  });

  it('finds four documents by default', async () => {
    await using store = await filled();
    expect(await store.similaritySearch('gear')).toHaveLength(4);
  });

  it('accepts a filter of null, as retrievers give it', async () => {
    await using store = await filled();
    expect(await store.similaritySearch('gear', 1, null as never)).toHaveLength(1);
  });

  it('ranks by the metric of the options', async () => {
    await using store = await GearshiftVectorStore.fromTexts(['a', 'aaa'], {}, embeddings, {
      executor,
      metric: 'euclidean',
    });
    const found = await store.similaritySearchWithScore('aa', 2);
    expect(found.map(([, distance]) => distance)).toEqual([expect.closeTo(1, 5), expect.closeTo(1, 5)]);
    await using dot = await GearshiftVectorStore.fromTexts(['a', 'aaa'], {}, embeddings, { executor, metric: 'dot' });
    expect((await dot.similaritySearchWithScore('aa', 1))[0][1]).toBeCloseTo(6, 4);
  });

  it('finds documents that are near but differ, by maximal marginal relevance', async () => {
    const texts = ['gear', 'gear!', 'gear?', 'gears', 'engine'];
    await using store = await GearshiftVectorStore.fromTexts(texts, {}, embeddings, { executor });
    const similar = await store.maxMarginalRelevanceSearch('gear', { k: 2, lambda: 1 });
    expect(textsOf(similar).every((text) => text.startsWith('gear'))).toBe(true);
    const different = await store.maxMarginalRelevanceSearch('gear', { k: 2, lambda: 0.1 });
    expect(textsOf(different)).toContain('engine');
    const few = await store.maxMarginalRelevanceSearch('gear', { k: 3, fetchK: 3, lambda: 0 });
    expect(textsOf(few)).not.toContain('engine');
    const filtered = await store.maxMarginalRelevanceSearch('gear', {
      k: 2,
      filter: ({ pageContent }) => pageContent === 'engine',
    });
    expect(textsOf(filtered)).toEqual(['engine']);
  });

  it('works as a retriever, of both kinds', async () => {
    await using store = await filled();
    const retriever = store.asRetriever({ k: 2, filter: { tenant: 'even' } });
    expect(textsOf(await retriever.invoke('a gear'))).toEqual(['a gear', 'a shift of gears']);
    await retriever.addDocuments([new Document({ pageContent: 'a gear again', metadata: { tenant: 'even' } })]);
    expect(textsOf(await retriever.invoke('a gear again'))[0]).toBe('a gear again');
    const diverse = store.asRetriever({ k: 3, searchType: 'mmr', searchKwargs: { fetchK: 7, lambda: 0 } });
    expect(await diverse.invoke('gear')).toHaveLength(3);
    expect(textsOf(await store.asRetriever(1).invoke('brakes'))).toEqual(['brakes']);
  });
});

describe('making a store', () => {
  it('fromTexts takes one metadata for each text, or one for all', async () => {
    await using each = await GearshiftVectorStore.fromTexts(['a', 'b'], [{ n: 1 }, { n: 2 }], embeddings, { executor });
    expect((await each.similaritySearch('b', 1))[0].metadata).toEqual({ n: 2 });
    await using all = await GearshiftVectorStore.fromTexts(['a', 'b'], { of: 'all' }, embeddings, { executor });
    expect((await all.similaritySearch('b', 2)).map(({ metadata }) => metadata)).toEqual([
      { of: 'all' },
      { of: 'all' },
    ]);
    await using none = await GearshiftVectorStore.fromTexts([], [], embeddings, { executor });
    expect(await none.similaritySearch('b', 2)).toEqual([]);
  });

  it('is a vector store of LangChain', async () => {
    await using store = newStore();
    expect(store).toBeInstanceOf(VectorStore);
    expect(store).toBeInstanceOf(SaveableVectorStore);
    expect(store._vectorstoreType()).toBe('gearshift');
    expect(JSON.stringify(store.toJSON())).toContain('not_implemented');
  });

  it('two batches that arrive first at the same time go to one collection', async () => {
    await using store = newStore();
    await Promise.all([store.addDocuments(DOCUMENTS.slice(0, 3)), store.addDocuments(DOCUMENTS.slice(3))]);
    expect(await store.similaritySearch('gear', 99)).toHaveLength(6);
  });

  it('refuses wrong arguments, and works afterwards', async () => {
    await using store = newStore();
    const [one, two] = DOCUMENTS;
    await expect(store.addVectors([[1, 2]], [one, two])).rejects.toThrow(
      'vectors: expected 2 elements, one for each document, got 1',
    );
    await expect(store.addVectors([[1, 2], [1]], [one, two])).rejects.toThrow(
      'vectors[1]: expected 2 elements like vectors[0], got 1',
    );
    await expect(store.addVectors(['x'] as never, [one])).rejects.toThrow(
      "vectors[0]: expected an array of numbers, got 'x'",
    );
    await expect(store.addVectors([[]], [one])).rejects.toThrow('dimensions: expected an integer of at least 1, got 0');
    await expect(store.addDocuments([one], { ids: [] })).rejects.toThrow(
      'ids: expected 1 elements, one for each document, got 0',
    );
    await expect(store.addDocuments([one], { ids: [5] } as never)).rejects.toThrow('ids[0]: expected a string, got 5');
    await expect(store.delete({} as never)).rejects.toThrow('ids: expected an array of ids, got undefined');
    await expect(store.delete({ ids: [1] } as never)).rejects.toThrow('ids[0]: expected a string, got 1');
    await expect(store.similaritySearch('x', 0)).rejects.toThrow('k: expected an integer of at least 1, got 0');
    await expect(store.save(ROOT)).rejects.toThrow('expected at least one document, or the option dimensions');
    const dated = new Document({ pageContent: 'x', metadata: { at: new Date(0) } });
    await expect(store.addDocuments([one, dated])).rejects.toThrow(
      'items[1].metadata.metadata.at: expected a plain object',
    );
    await store.addDocuments([one]);
    await expect(store.addVectors([[1, 2]], [two])).rejects.toThrow('items[0].vector: expected 26 elements');
    await expect(store.similaritySearch('x', 1, { $where: '1' })).rejects.toThrow("'$where' is not supported");
    await expect(store.similaritySearch('x', 1, { $or: [] })).rejects.toThrow(TypeError);
    expect(await store.similaritySearch('gear', 9)).toEqual([one]);
    expect(() => new GearshiftVectorStore(embeddings, {} as never)).toThrow(
      'executor: expected an executor of createExecutor()',
    );
    expect(() => new GearshiftVectorStore(embeddings, undefined as never)).toThrow('executor: expected');
    await expect(GearshiftVectorStore.load(ROOT, embeddings)).rejects.toThrow('executor: expected');
  });
});

describe('save and load', () => {
  it('give a store with the same answers, that can be changed', async () => {
    const folder = join(ROOT, 'saved');
    await using store = await filled();
    await store.delete({ ids: ['doc-5'] });
    await store.save(folder);
    await using loaded = await GearshiftVectorStore.load(folder, embeddings, { executor });
    const ask = (of: GearshiftVectorStore) => of.similaritySearchWithScore('gear', 9, { tenant: 'even' });
    expect(await ask(loaded)).toEqual(await ask(store));
    await loaded.addDocuments([DOCUMENTS[5]]);
    expect(await loaded.similaritySearch('brakes', 1)).toEqual([DOCUMENTS[5]]);
    await using readOnly = await GearshiftVectorStore.load(folder, embeddings, { executor, writable: false });
    await expect(readOnly.addDocuments(DOCUMENTS)).rejects.toThrow('pass { writable: true } to openCollection');
    expect(await ask(readOnly)).toEqual(await ask(store));
  });

  it('keep an empty store with the option dimensions', async () => {
    const folder = join(ROOT, 'empty');
    await using store = new GearshiftVectorStore(embeddings, { executor, dimensions: 26 });
    await store.save(folder);
    await using loaded = await GearshiftVectorStore.load(folder, embeddings, { executor });
    await loaded.addDocuments([DOCUMENTS[0]]);
    expect(await loaded.similaritySearch('gear', 9)).toEqual([DOCUMENTS[0]]);
  });

  it('refuse a folder without a collection', async () => {
    await expect(GearshiftVectorStore.load(join(ROOT, 'none'), embeddings, { executor })).rejects.toMatchObject({
      name: 'CollectionFileError',
      code: 'ENOENT',
    });
  });
});
