import {
  createMatrix,
  DTYPES,
  type CosineSimilarityRequest,
  type TopKRequest,
  type VectorMatrix,
} from '@gearshift/contracts';
import { createOracleBackend } from '@gearshift/testing';
import { describe, expect, it } from 'vitest';
import { cpu, gpu, outcomesOf, setUp } from './dispatch-setup.js';

const matrix = createMatrix(new Int8Array([2, 0, 0, 2, 6, 8]), { dimensions: 2, scale: 0.5 });
const SCORE: CosineSimilarityRequest = { operation: 'cosine-similarity', query: new Float32Array([1, 0]), matrix };
const RANK: TopKRequest = { operation: 'top-k', query: new Float32Array([1, 0]), matrix, k: 1 };
const SCORES = Float32Array.of(1, 0, 0.6);

describe('a request with a matrix of int8', () => {
  it.each([SCORE, RANK])(
    'goes past a GPU that does not read such elements, without asking it ($operation)',
    async (request) => {
      const unaware = gpu();
      const { dispatcher } = setUp([unaware, createOracleBackend('cpu')]);
      expect(await dispatcher.run(request)).toMatchObject({ ok: true, value: { decision: { backend: 'cpu' } } });
      expect(unaware.calls).toEqual([]);
    },
  );

  it('runs on a GPU that reads them', async () => {
    const aware = { ...createOracleBackend('cuda:0'), kind: 'gpu' as const, dtypes: DTYPES };
    const { dispatcher } = setUp([aware, cpu()]);
    const result = await dispatcher.run(SCORE);
    expect(result).toMatchObject({ ok: true, value: { decision: { backend: 'cuda:0' }, output: SCORES } });
  });

  it.each([SCORE, RANK])('fails if no device reads them, and says so ($operation)', async (request) => {
    const unaware = cpu();
    const { dispatcher, tracker } = setUp([unaware]);
    expect(await dispatcher.run(request)).toMatchObject({ ok: false, error: { kind: 'unsupported' } });
    expect(dispatcher.runSync(request)).toMatchObject({ ok: false, error: { kind: 'unsupported' } });
    expect(outcomesOf(tracker.attempts)).toEqual(['cpu unsupported', 'cpu unsupported']);
    expect(tracker.attempts[0].error?.message).toBe('cpu: it does not read matrices of int8');
    expect(unaware.calls).toEqual([]);
  });

  it('is compared with the values of its elements when answers are verified', async () => {
    const right = createOracleBackend('cuda:0');
    const wrong = {
      ...right,
      kind: 'gpu' as const,
      dtypes: DTYPES,
      topK: (request: TopKRequest, ...rest: [never]) =>
        right.topK({ ...request, matrix: { ...(request.matrix as VectorMatrix), scale: 1 } }, ...rest),
    };
    for (const [backend, outcome] of [
      [wrong, 'cuda:0 invalid-result'],
      [{ ...wrong, topK: right.topK }, 'cuda:0 success'],
    ] as const) {
      const { dispatcher, tracker } = setUp([backend, createOracleBackend('cpu')], { verifyEveryNth: 1 });
      const result = await dispatcher.run({ ...RANK, metric: 'dot' });
      expect(result).toMatchObject({ ok: true });
      expect(outcomesOf(tracker.attempts)[0]).toBe(outcome);
    }
  });
});
