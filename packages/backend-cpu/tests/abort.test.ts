import { createMatrix, createTopKOutput, prepareTopK } from '@gearshift/contracts';
import { expect, test } from 'vitest';
import { createNativeBackend, describeAddon } from './addon-at-hand.js';

// Seconds of work for few scores: a busy machine may keep this thread from an abort while others do the work.
const ROWS = 5000;
const DIMENSIONS = 4096;
const QUERIES = 2500;
const matrix = createMatrix(new Float32Array(new SharedArrayBuffer(ROWS * DIMENSIONS * 4)).fill(1), {
  dimensions: DIMENSIONS,
});
const query = new Float32Array(QUERIES * DIMENSIONS).fill(1);
const aborted = { ok: false, error: { kind: 'aborted', backend: 'cpu' } };

describeAddon('native backend with an AbortSignal', () => {
  test('a call with an aborted signal ends as aborted and writes nothing', async () => {
    const backend = await createNativeBackend();
    const request = { operation: 'cosine-similarity', matrix, query, queries: QUERIES } as const;
    const output = new Float32Array(ROWS * QUERIES);
    expect(await backend.cosineSimilarity(request, output, AbortSignal.abort())).toMatchObject(aborted);
    expect(await backend.makeResident(matrix, AbortSignal.abort())).toMatchObject(aborted);
    expect(output.every((score) => score === 0)).toBe(true);
    await backend.close();
  });

  test('an abort during a call ends it without writing the output, and the backend stays usable', async () => {
    const backend = await createNativeBackend();
    const abort = new AbortController();
    const request = { operation: 'cosine-similarity', matrix, query, queries: QUERIES } as const;
    const output = new Float32Array(ROWS * QUERIES);
    const answer = backend.cosineSimilarity(request, output, abort.signal);
    setImmediate(() => abort.abort());
    expect(await answer).toMatchObject(aborted);
    expect(output.every((score) => score === 0)).toBe(true);

    const few = { ...request, operation: 'top-k', query: query.subarray(0, DIMENSIONS), queries: 1, k: 3 } as const;
    const ranked = createTopKOutput(prepareTopK(few));
    expect(await backend.topK(few, ranked)).toMatchObject({ ok: true });
    expect([...ranked.indices]).toEqual([0, 1, 2]);
    await backend.close();
  });

  test('an abort ends queued calls before they begin', async () => {
    const backend = await createNativeBackend();
    const abort = new AbortController();
    const request = { operation: 'cosine-similarity', matrix, query, queries: QUERIES } as const;
    const answers = Array.from({ length: 6 }, () =>
      backend.cosineSimilarity(request, new Float32Array(ROWS * QUERIES), abort.signal),
    );
    abort.abort();
    for (const answer of await Promise.all(answers)) expect(answer).toMatchObject(aborted);
    await backend.close();
  });

  test('an abort after the call has no effect on later calls', async () => {
    const backend = await createNativeBackend();
    const abort = new AbortController();
    const request = { operation: 'cosine-similarity', matrix, query: query.subarray(0, DIMENSIONS) } as const;
    expect(await backend.cosineSimilarity(request, new Float32Array(ROWS), abort.signal)).toMatchObject({ ok: true });
    abort.abort();
    expect(await backend.cosineSimilarity(request, new Float32Array(ROWS))).toMatchObject({ ok: true });
    await backend.close();
  });

  test('close() waits for calls under way', async () => {
    const backend = await createNativeBackend();
    const request = {
      operation: 'cosine-similarity',
      matrix,
      query: query.subarray(0, 4 * DIMENSIONS),
      queries: 4,
    } as const;
    const order: string[] = [];
    const output = new Float32Array(4 * ROWS);
    const answer = backend.cosineSimilarity(request, output).then((result) => {
      order.push('answer');
      return result;
    });
    const closed = backend.close().then(() => order.push('closed'));
    expect(await answer).toMatchObject({ ok: true });
    await closed;
    expect(order).toEqual(['answer', 'closed']);
    expect(output.every((score) => Math.abs(score - 1) < 1e-5)).toBe(true);
  });
});
