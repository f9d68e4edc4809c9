import { expect, it } from 'vitest';
import { BACKEND_ERROR_KINDS, createMatrix, prepareTopK, unwrap, type AttemptReport } from '@gearshift/contracts';
import { thresholdPolicy } from '@gearshift/policies';
import { NO_METRICS } from '@gearshift/tracker';
import {
  createFakeGpuBackend,
  createOracleBackend,
  createRandom,
  oracleRanking,
  randomValues,
  type FakeOutcome,
} from '@gearshift/testing';
import { createDispatcher } from '../src/index.js';

const OUTCOMES: readonly FakeOutcome[] = [...BACKEND_ERROR_KINDS, 'success', 'success', 'success', 'success'];

it.each([1, 2, 3])(
  'answers every request correctly while two GPUs fail at random, and records each call once (seed %i)',
  async (seed) => {
    const random = createRandom(seed);
    const script = () => OUTCOMES[random.integer(OUTCOMES.length)];
    const latencyMs = () => random.integer(3);
    const gpus = ['fake:0', 'fake:1'].map((id) => createFakeGpuBackend({ id, script, latencyMs }));
    const attempts: AttemptReport[] = [];
    const dispatcher = createDispatcher({
      backends: [...gpus, createOracleBackend('cpu')],
      policy: thresholdPolicy({ gpuMinBatchSize: 0 }),
      tracker: { snapshot: () => NO_METRICS, record: (attempt) => void attempts.push(attempt) },
    });
    const matrix = createMatrix(randomValues(50 * 8, seed), { dimensions: 8 });
    const requests = Array.from({ length: 100 }, (_, i) => {
      return { operation: 'top-k', query: randomValues(8, 1000 * seed + i), matrix, k: 5 } as const;
    });

    const completed = (await Promise.all(requests.map((request) => dispatcher.run(request)))).map(unwrap);

    for (const [i, { output }] of completed.entries()) {
      const best = oracleRanking(prepareTopK(requests[i]), 0).slice(0, 5);
      expect([...output.indices]).toEqual(best.map(({ index }) => index));
      expect([...output.scores]).toEqual(best.map(({ rounded }) => rounded));
    }
    for (const { id, calls } of gpus) {
      // An abort that was not requested is recorded as a fault.
      const outcomes = calls.map(({ outcome }) => (outcome === 'aborted' ? 'fault' : outcome)).sort();
      const booked = attempts.filter(({ backend }) => backend === id).map(({ outcome }) => outcome);
      expect(booked.sort()).toEqual(outcomes);
    }
    expect(completed.flatMap((run) => run.attempts)).toHaveLength(attempts.length);
    expect(new Set(completed.flatMap((run) => run.attempts))).toEqual(new Set(attempts));
    for (const run of completed) {
      const first = run.attempts[0];
      // A fallback is an attempt on another device than the first. That one is tried again only where memory was short.
      expect(run.attempts.map(({ fallback }) => fallback)).toEqual(
        run.attempts.map(({ backend }) => backend !== first.backend),
      );
      const direct = run.attempts.filter(({ fallback }) => !fallback);
      expect(direct.length === 1 || first.outcome === 'out-of-memory').toBe(true);
    }
    // Where memory was short a request may have been done in pieces, the last of which is its last attempt.
    expect(completed.every((run) => run.attempts.at(-1)?.outcome === 'success')).toBe(true);
    expect(attempts.some(({ backend }) => backend === 'cpu')).toBe(true);
  },
);
