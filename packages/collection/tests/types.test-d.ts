import type { Executor } from 'gearshift';
import { expectTypeOf, test } from 'vitest';
import { createCollection, openCollection, type CollectionExecutor, type Match } from '../src/index.js';

interface Book {
  readonly title: string;
  readonly year?: number;
}

declare const executor: Executor;

test('the executor of the package gearshift is one for collections', () => {
  expectTypeOf<Executor>().toExtend<CollectionExecutor>();
});

test('metadata has the type of the collection everywhere', async () => {
  const books = await createCollection<Book>(executor, { dimensions: 2 });
  expectTypeOf(books.get('a')?.metadata).toEqualTypeOf<Book | undefined>();
  expectTypeOf(books.query({ vector: [1, 0], k: 1 })).resolves.toEqualTypeOf<Match<Book>[]>();
  expectTypeOf(books.query({ vectors: [[1, 0]], k: 1 })).resolves.toEqualTypeOf<Match<Book>[][]>();
  await books.query({ vector: [1, 0], k: 1, where: ({ title }) => title !== '' });
  // @ts-expect-error: the title is missing
  await books.upsert({ id: 'a', vector: [1, 0], metadata: { year: 2020 } });
  // @ts-expect-error: a symbol is no id
  await books.delete(Symbol('a'));
  // @ts-expect-error: k is missing
  await books.query({ vector: [1, 0] });
  const opened = await openCollection<Book>(executor, 'folder');
  expectTypeOf(opened.get(1n)?.metadata).toEqualTypeOf<Book | undefined>();
});
