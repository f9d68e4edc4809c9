import { createMatrix, graphFromEdges, markChanged, unwrap } from '@gearshift/contracts';
import { randomValues } from '@gearshift/testing';
import { expect, test } from 'vitest';
import { createNativeBackend, describeAddon } from './addon-at-hand.js';

const DIMENSIONS = 37;
const makeMatrix = (rows: number) => createMatrix(randomValues(rows * DIMENSIONS, 20), { dimensions: DIMENSIONS });
const query = randomValues(DIMENSIONS, 21);

describeAddon('resident copies of the native backend', () => {
  test('are created, found and released', async () => {
    const backend = await createNativeBackend();
    const matrix = makeMatrix(100);
    expect(backend.residency(matrix)).toEqual({ residentBytes: 0, bytesToUpload: 100 * DIMENSIONS * 4 });
    expect(unwrap(await backend.makeResident(matrix)).uploadMs).toBeGreaterThanOrEqual(0);
    const { residentBytes, bytesToUpload } = backend.residency(matrix);
    expect(residentBytes).toBeGreaterThanOrEqual(100 * DIMENSIONS * 4);
    expect(bytesToUpload).toBe(0);
    backend.release(matrix);
    expect(backend.residency(matrix)).toMatchObject({ residentBytes: 0 });
    backend.release(matrix);
    await backend.close();
  });

  test('give the same bits as the original values', async () => {
    const backend = await createNativeBackend();
    const matrix = makeMatrix(1000);
    const request = { operation: 'cosine-similarity', matrix, query } as const;
    const direct = new Float32Array(1000);
    unwrap(backend.cosineSimilaritySync(request, direct));
    unwrap(await backend.makeResident(matrix));
    const resident = new Float32Array(1000);
    unwrap(backend.cosineSimilaritySync(request, resident));
    expect(resident).toEqual(direct);
    await backend.close();
  });

  test('are dropped at the next use when the version of the operand has changed', async () => {
    const backend = await createNativeBackend();
    const matrix = makeMatrix(10);
    unwrap(await backend.makeResident(matrix));
    matrix.values.fill(0);
    markChanged(matrix);
    const output = new Float32Array(10).fill(7);
    unwrap(backend.cosineSimilaritySync({ operation: 'cosine-similarity', matrix, query }, output));
    expect(output).toEqual(new Float32Array(10));
    expect(backend.residency(matrix)).toMatchObject({ residentBytes: 0 });
    await backend.close();
  });

  test('are shared by the backends of the process, and refused for a different operand with the same id', async () => {
    const [first, second] = [await createNativeBackend(), await createNativeBackend()];
    const matrix = makeMatrix(50);
    unwrap(await first.makeResident(matrix));
    unwrap(await second.makeResident(matrix));
    await first.close();
    expect(second.residency(matrix).residentBytes).toBeGreaterThan(0);

    const third = await createNativeBackend();
    const otherShape = createMatrix(matrix.values.slice(), { dimensions: 1 });
    const refused = { ok: false, error: { kind: 'invalid-input' } };
    expect(await third.makeResident({ ...otherShape, id: matrix.id })).toMatchObject(refused);
    const otherValues = { ...matrix, values: matrix.values.map((value) => value + 1) };
    expect(await third.makeResident(otherValues)).toMatchObject(refused);
    await Promise.all([second.close(), third.close()]);
  });

  test('are created by the first request on a graph', async () => {
    const backend = await createNativeBackend();
    const graph = graphFromEdges(3, [
      [0, 1],
      [1, 2, 0.5],
    ]);
    const output = new Float32Array(3);
    const activations = new Float32Array([1, 0, 0]);
    unwrap(
      backend.spreadActivationSync({ operation: 'spread-activation', graph, activations, decay: 1, hops: 2 }, output),
    );
    expect([...output]).toEqual([0, 0, 0.5]);
    expect(backend.residency(graph)).toMatchObject({ bytesToUpload: 0 });
    await backend.close();
  });

  test('are created once for several requests, and an aborted request does not stop the others', async () => {
    const backend = await createNativeBackend();
    const matrix = createMatrix(new Float32Array(30_000 * 512).fill(1), { dimensions: 512 });
    const abort = new AbortController();
    const aborted = backend.makeResident(matrix, abort.signal);
    const others = [backend.makeResident(matrix), backend.makeResident(matrix)];
    abort.abort();
    expect(await aborted).toMatchObject({ ok: false, error: { kind: 'aborted' } });
    for (const other of await Promise.all(others)) expect(other.ok).toBe(true);
    expect(backend.residency(matrix).bytesToUpload).toBe(0);
    await backend.close();
  });

  test('are created on another thread for values in shared memory', async () => {
    const backend = await createNativeBackend();
    const values = new Float32Array(new SharedArrayBuffer(20_000 * 64 * 4)).fill(0.5);
    const matrix = createMatrix(values, { dimensions: 64 });
    unwrap(await backend.makeResident(matrix));
    const output = new Float32Array(20_000);
    const ones = new Float32Array(64).fill(1);
    unwrap(await backend.cosineSimilarity({ operation: 'cosine-similarity', matrix, query: ones }, output));
    expect(output.every((score) => Math.abs(score - 1) < 1e-5)).toBe(true);
    await backend.close();
  });
});
