import {
  createMatrix,
  createTopKOutput,
  prepareTopK,
  RowSet,
  unwrap,
  type TopKRequest,
  type VectorMatrix,
} from '@gearshift/contracts';
import { randomValues } from '@gearshift/testing';
import { expect, test } from 'vitest';
import { createNativeBackend, describeAddon } from './addon-at-hand.js';

// Large enough to be searched with codes.
const ROWS = 12_000;
const DIMENSIONS = 200;
const values = randomValues(ROWS * DIMENSIONS, 70);
const ONE = values.slice(0, DIMENSIONS);
const third = RowSet.fromPredicate(ROWS, (row) => row % 3 === 0);
const tenth = RowSet.fromPredicate(ROWS, (row) => row % 10 === 0);

describeAddon('the form that a ranking is answered from', () => {
  const requestOf = (matrix: VectorMatrix, more: Partial<TopKRequest> = {}): TopKRequest => ({
    operation: 'top-k',
    matrix,
    query: ONE,
    k: 10,
    ...more,
  });
  const several = (queries: number) => ({ query: values.slice(0, queries * DIMENSIONS), queries });

  test.each<[string, Partial<TopKRequest>, string | undefined]>([
    ['one query', {}, 'codes'],
    ['three queries', several(3), 'codes'],
    ['four queries', several(4), 'codes-together'],
    ['many queries', several(40), 'codes-together'],
    ['a third of the rows', { where: third }, 'codes'],
    ['a tenth of the rows', { where: tenth }, undefined],
    ['a range that is large enough', { start: 100, end: ROWS - 100 }, 'codes'],
    ['a small range', { start: 100, end: 5000 }, undefined],
    ['as many as a sixteenth of the rows', { k: ROWS / 16 }, 'codes'],
    ['more than that', { k: ROWS / 16 + 1 }, undefined],
  ])('is what it is answered from, for %s', async (_what, more, form) => {
    const backend = await createNativeBackend();
    const matrix = createMatrix(values, { dimensions: DIMENSIONS, companion: 'codes' });
    const request = requestOf(matrix, more);
    expect(backend.formOf?.(request)).toBeUndefined();
    unwrap(await backend.makeResident(matrix));
    expect(backend.formOf?.(request)).toBe(form);
    const output = createTopKOutput(prepareTopK(request));
    unwrap(await backend.topK(request, output));
    expect(output.search !== undefined).toBe(form !== undefined);
    // Together they read the whole code of every row.
    const { scanned = 0, examined = 0 } = output.search ?? {};
    expect(scanned > 0 && examined === scanned).toBe(form === 'codes-together');
    await backend.close();
  });

  test('is the rows themselves where there are no codes, and for other operations', async () => {
    const backend = await createNativeBackend();
    const plain = createMatrix(values, { dimensions: DIMENSIONS, companion: 'none' });
    const small = createMatrix(values.subarray(0, 100 * DIMENSIONS), { dimensions: DIMENSIONS, companion: 'codes' });
    const coded = createMatrix(values, { dimensions: DIMENSIONS, companion: 'codes' });
    for (const matrix of [plain, small, coded]) unwrap(await backend.makeResident(matrix));
    expect(backend.formOf?.(requestOf(plain))).toBeUndefined();
    expect(backend.formOf?.(requestOf(small))).toBeUndefined();
    expect(backend.formOf?.(requestOf(coded, { candidates: Uint32Array.of(1, 2, 3), k: 1 }))).toBeUndefined();
    expect(backend.formOf?.({ operation: 'cosine-similarity', matrix: coded, query: ONE })).toBeUndefined();
    expect(backend.formOf?.(requestOf(coded))).toBe('codes');
    backend.release(coded);
    expect(backend.formOf?.(requestOf(coded))).toBeUndefined();
    await backend.close();
  });
});
