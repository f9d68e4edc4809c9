import { createMatrix, markChanged, type CosineSimilarityRequest, type VectorMatrix } from '@gearshift/contracts';
import { describe, expect, test } from 'vitest';
import { createFakeGpuBackend, createManualClock, type FakeGpuOptions } from '../src/index.js';

const matrix = () => createMatrix(Float32Array.of(1, 0, 0, 1, 1, 1), { dimensions: 2 });
const request = (): CosineSimilarityRequest => ({
  operation: 'cosine-similarity',
  query: Float32Array.of(1, 0),
  matrix: matrix(),
});
const RIGHT = Float32Array.of(1, 0, Math.SQRT1_2);

describe('script of the fake GPU', () => {
  test('gives each operation its outcome, and success after the last', async () => {
    const gpu = createFakeGpuBackend({
      script: ['out-of-memory', 'fault', 'device-lost', 'timeout', 'invalid-result'],
    });
    const kinds: string[] = [];
    for (let call = 0; call < 6; call++) {
      const answer = await gpu.cosineSimilarity(request(), new Float32Array(3));
      kinds.push(answer.ok ? 'success' : answer.error.kind);
    }
    expect(kinds).toEqual(['out-of-memory', 'fault', 'device-lost', 'timeout', 'invalid-result', 'success']);
    expect(gpu.calls.map(({ outcome }) => outcome)).toEqual(kinds);
  });

  test('may be a function of the call, including uploads', async () => {
    const gpu = createFakeGpuBackend({
      script: ({ operation }) => (operation === 'make-resident' ? 'fault' : 'success'),
    });
    expect(await gpu.makeResident(matrix())).toMatchObject({ ok: false, error: { kind: 'fault', backend: 'fake:0' } });
    expect(await gpu.cosineSimilarity(request(), new Float32Array(3))).toMatchObject({ ok: true });
  });

  test('returns wrong numbers as a success with the correct shape', async () => {
    const gpu = createFakeGpuBackend({ script: ['wrong-numbers'] });
    const [wrong, right] = [new Float32Array(3), new Float32Array(3)];
    expect(await gpu.cosineSimilarity(request(), wrong)).toMatchObject({ ok: true });
    expect(await gpu.cosineSimilarity(request(), right)).toMatchObject({ ok: true });
    expect(right).toEqual(RIGHT);
    expect(wrong).not.toEqual(RIGHT);
  });

  test('ends a hang when its signal is aborted or the backend is closed', async () => {
    const gpu = createFakeGpuBackend({ script: ['hang', 'hang'] });
    const controller = new AbortController();
    const aborted = gpu.cosineSimilarity(request(), new Float32Array(3), controller.signal);
    controller.abort();
    expect(await aborted).toMatchObject({ ok: false, error: { kind: 'aborted' } });
    const forgotten = gpu.cosineSimilarity(request(), new Float32Array(3));
    await gpu.close();
    expect(await forgotten).toMatchObject({ ok: false, error: { kind: 'device-lost' } });
  });
});

describe('latency of the fake GPU', () => {
  test('follows the manual clock and takes no real time', async () => {
    const clock = createManualClock();
    const gpu = createFakeGpuBackend({ latencyMs: ({ number }) => (number === 0 ? 5_000_000 : 1), clock });
    const finished: string[] = [];
    const slow = gpu.cosineSimilarity(request(), new Float32Array(3)).then((answer) => (finished.push('slow'), answer));
    const fast = gpu.cosineSimilarity(request(), new Float32Array(3)).then((answer) => (finished.push('fast'), answer));
    clock.advance(1);
    expect(await fast).toMatchObject({ ok: true });
    expect(finished).toEqual(['fast']);
    clock.advance(5_000_000);
    expect(await slow).toMatchObject({ ok: true, value: { totalMs: 5_000_001, fused: true } });
    expect(gpu.calls.map(({ startedAtMs }) => startedAtMs)).toEqual([0, 0]);
  });
});

describe('memory of the fake GPU', () => {
  const options: FakeGpuOptions = { totalBytes: 30, takenBytes: () => 2 };

  test('holds copies until they are released, and refuses a copy that does not fit', async () => {
    const gpu = createFakeGpuBackend(options);
    const [first, second] = [matrix(), matrix()];
    expect(gpu.memory()).toMatchObject({ freeBytes: 28, totalBytes: 30 });
    expect(await gpu.makeResident(first)).toMatchObject({ ok: true });
    expect(gpu.memory().freeBytes).toBe(4);
    expect(gpu.residency(first)).toEqual({ residentBytes: 24, bytesToUpload: 0 });
    expect(await gpu.makeResident(second)).toMatchObject({
      ok: false,
      error: { kind: 'out-of-memory', requestedBytes: 24, freeBytes: 4 },
    });
    gpu.release(first);
    expect(await gpu.makeResident(second)).toMatchObject({ ok: true });
  });

  test('logs the uploaded bytes of each call', async () => {
    const gpu = createFakeGpuBackend();
    const asked = request();
    const ask = () => gpu.cosineSimilarity({ ...asked, start: 1 }, new Float32Array(2));
    expect(await ask()).toMatchObject({ ok: true });
    expect(await gpu.makeResident(asked.matrix as VectorMatrix)).toMatchObject({ ok: true });
    expect(await ask()).toMatchObject({ ok: true });
    markChanged(asked.matrix);
    expect(await ask()).toMatchObject({ ok: true });
    expect(gpu.calls.map(({ operation, uploadBytes }) => [operation, uploadBytes])).toEqual([
      ['cosine-similarity', 24],
      ['make-resident', 24],
      ['cosine-similarity', 0],
      ['cosine-similarity', 24],
    ]);
    expect(gpu.calls[0]).toMatchObject({ number: 0, operandId: asked.matrix.id, start: 1, end: 3 });
  });
});
