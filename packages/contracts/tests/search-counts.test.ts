import { expect, test } from 'vitest';
import { addSearches, searchOf, topK } from '../src/internal.js';
import { createMatrix, createTopKOutput, finishTopK, prepareTopK, type TopKOutput } from '../src/index.js';

const matrix = createMatrix(new Float32Array(6), { dimensions: 2 });
const request = prepareTopK({ operation: 'top-k', query: Float32Array.of(1, 0), matrix, k: 2 });
const counts = { scanned: 10, examined: 4, rescored: 2 };

test('the counts of pieces of a search add up, and the slowest way of them is named', () => {
  expect(addSearches(undefined, undefined)).toBeUndefined();
  expect(addSearches(counts, undefined)).toBe(counts);
  expect(addSearches(undefined, counts)).toBe(counts);
  expect(addSearches(counts, counts)).toStrictEqual({ scanned: 20, examined: 8, rescored: 4 });
  const whole = { ...counts, way: 'whole-codes' } as const;
  const scan = { ...counts, way: 'scan' } as const;
  expect(addSearches(counts, whole)?.way).toBe('whole-codes');
  expect(addSearches(whole, counts)?.way).toBe('whole-codes');
  expect(addSearches(whole, scan)?.way).toBe('scan');
  expect(addSearches(scan, counts)?.way).toBe('scan');
});

test('finishTopK writes the counts of a search, and removes those of an earlier one', () => {
  const output = createTopKOutput(request);
  finishTopK(request, output);
  expect(Object.keys(output)).toEqual(['indices', 'scores', 'count']);
  finishTopK(request, output, counts);
  expect(output.search).toBe(counts);
  finishTopK(request, output);
  expect(output.search).toBeUndefined();
});

test('the counts are copied and cleared with the rest of an output', () => {
  const output: TopKOutput = { ...createTopKOutput(request), search: counts };
  const copy = createTopKOutput(request);
  topK.copyOutput(request, output, copy);
  expect(copy.search).toEqual(counts);
  topK.clearOutput(copy);
  expect(copy.search).toBeUndefined();
  expect(topK.trimOutput(request, { ...output, count: 1 }).search).toEqual(counts);
});

test('counts of a backend are read once and only if they are counts', () => {
  expect(searchOf(new Float32Array(2))).toBeUndefined();
  expect(searchOf({})).toBeUndefined();
  expect(searchOf(Object.create({ search: counts }) as object)).toBeUndefined();
  expect(searchOf({ search: counts })).toStrictEqual(counts);
  expect(searchOf({ search: { ...counts, way: 'scan', more: 1 } })).toStrictEqual({ ...counts, way: 'scan' });
  expect(searchOf({ search: { ...counts, way: 'other' } })).toStrictEqual(counts);
  for (const wrong of [null, 3, [], { ...counts, scanned: -1 }, { ...counts, examined: 0.5 }, { scanned: 1 }]) {
    expect(searchOf({ search: wrong })).toBeUndefined();
  }
  const throwing = {
    get search(): never {
      throw new Error('a fault of the backend');
    },
  };
  expect(searchOf(throwing)).toBeUndefined();
});
