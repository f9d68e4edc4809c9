import { describe, expect, it } from 'vitest';
import {
  createMatrix,
  graphFromEdges,
  NO_DEVICE,
  ok,
  unwrap,
  type DispatchPolicy,
  type DispatchSample,
  type OperationRequest,
  type TopKOutput,
} from '@gearshift/contracts';
import { thresholdPolicy } from '@gearshift/policies';
import { createDispatcher } from '../src/index.js';
import { matrix, REQUEST, SCORES, gpu, cpu, fail, listTracker, setUp, outcomesOf } from './dispatch-setup.js';
import { PHASES, type Act } from './scripted-backend.js';

describe('run() with a request that succeeds', () => {
  it('returns the output of the chosen device with the decision, the attempts and the times', async () => {
    const { dispatcher, tracker } = setUp([gpu(), cpu()]);
    const attempt = {
      operation: 'cosine-similarity',
      backend: 'cuda:0',
      device: 'gpu',
      outcome: 'success',
      latencyMs: 2,
      waitMs: 0,
      fallback: false,
      phases: PHASES,
      error: undefined,
    };
    expect(await dispatcher.run(REQUEST)).toEqual(
      ok({
        output: SCORES,
        decision: { backend: 'cuda:0', device: 'gpu', reason: 'calibrating', policy: 'threshold' },
        attempts: [attempt],
        latencyMs: 12,
        phases: PHASES,
      }),
    );
    expect(tracker.attempts).toEqual([attempt]);
  });

  it('writes into the given output', async () => {
    const { dispatcher } = setUp([cpu()]);
    const output = new Float32Array(3);
    const result = await dispatcher.run(REQUEST, output);
    expect(result.ok && result.value.output).toBe(output);
    expect(output).toEqual(SCORES);
  });

  it('runs top-k and spread-activation too', async () => {
    const { dispatcher } = setUp([gpu(), cpu()]);
    const top = await dispatcher.run({ operation: 'top-k', query: REQUEST.query, matrix, k: 2 });
    expect(top.ok && top.value.output).toMatchObject({ indices: Uint32Array.of(0, 2), count: 2 });
    const graph = graphFromEdges(2, [[0, 1, 0.5]]);
    const spread = await dispatcher.run({
      operation: 'spread-activation',
      graph,
      activations: Float32Array.of(1, 0),
      decay: 1,
    });
    expect(spread.ok && spread.value.output).toEqual(Float32Array.of(0, 0.5));
  });

  it('returns results and errors that structuredClone copies unchanged', async () => {
    const good = await setUp([gpu(fail('fault')), cpu()]).dispatcher.run(REQUEST);
    const bad = await setUp([cpu(fail('fault'))]).dispatcher.run(REQUEST);
    expect(structuredClone(good)).toEqual(good);
    expect(structuredClone(bad)).toEqual(bad);
  });

  it('gives each of 40 concurrent requests its own answer', async () => {
    const slow: Act = async (call, compute) => {
      await new Promise((resolve) => setTimeout(resolve, (7 * call) % 5));
      return call % 3 === 0 ? fail('fault')() : compute();
    };
    const { dispatcher, tracker } = setUp([gpu(slow), cpu()]);
    const angles = Array.from({ length: 40 }, (_, i) => i / 10);
    const results = await Promise.all(
      angles.map((angle) => dispatcher.run({ ...REQUEST, query: Float32Array.of(Math.cos(angle), Math.sin(angle)) })),
    );
    for (const [i, result] of results.entries()) {
      if (!result.ok) throw new Error(result.error.message);
      expect(result.value.output[0]).toBeCloseTo(Math.cos(angles[i]), 5);
      expect(result.value.output[1]).toBeCloseTo(Math.sin(angles[i]), 5);
    }
    expect(tracker.attempts.filter(({ outcome }) => outcome === 'fault')).toHaveLength(14);
    expect(tracker.attempts).toHaveLength(54);
  });
});

describe('dispatcher with nothing to compute', () => {
  const empty = createMatrix(new Float32Array(0), { dimensions: 2 });
  it.each<OperationRequest>([
    { ...REQUEST, matrix: empty },
    { ...REQUEST, start: 1, end: 1 },
    { operation: 'top-k', query: REQUEST.query, matrix: empty, k: 3 },
    { operation: 'top-k', query: REQUEST.query, matrix, k: 3, candidates: new Uint32Array(0) },
    { operation: 'spread-activation', graph: graphFromEdges(0, []), activations: new Float32Array(0) },
  ])('answers an empty request without a device: %o', async (request) => {
    const backends = [gpu(), cpu()];
    const { dispatcher, tracker } = setUp(backends);
    for (const result of [await dispatcher.run(request), dispatcher.runSync(request)]) {
      expect(result).toMatchObject({ ok: true, value: { decision: null, attempts: [], phases: null } });
    }
    expect(backends.flatMap(({ calls }) => calls)).toEqual([]);
    expect(tracker.attempts).toEqual([]);
  });

  it('sets count to 0 in an output that held an older answer', async () => {
    const output: TopKOutput = { indices: new Uint32Array(3), scores: new Float32Array(3), count: 3 };
    unwrap(
      await setUp([cpu()]).dispatcher.run({ operation: 'top-k', query: REQUEST.query, matrix: empty, k: 3 }, output),
    );
    expect(output.count).toBe(0);
  });
});

describe('runSync()', () => {
  it('runs on the CPU whatever the policy would choose, and records one attempt', () => {
    const backends = [gpu(), cpu()];
    const { dispatcher, tracker } = setUp(backends);
    expect(dispatcher.runSync(REQUEST)).toMatchObject({
      ok: true,
      value: {
        output: SCORES,
        decision: { backend: 'cpu', device: 'cpu', reason: 'forced', policy: 'sync' },
        latencyMs: 1,
        phases: PHASES,
      },
    });
    expect(outcomesOf(tracker.attempts)).toEqual(['cpu success']);
    expect(backends[0].calls).toEqual([]);
  });

  it('fails without a fallback when the CPU fails', () => {
    const crash = () => {
      throw new Error('boom');
    };
    const { dispatcher, tracker } = setUp([gpu(), cpu(crash)]);
    expect(dispatcher.runSync(REQUEST)).toMatchObject({
      ok: false,
      error: { kind: 'fault', cause: { message: 'cpu: it threw Error: boom' } },
    });
    expect(outcomesOf(tracker.attempts)).toEqual(['cpu fault']);
  });

  it('fails with unsupported when there is no synchronous CPU backend', () => {
    const { topKSync: _gone, ...asyncOnly } = cpu();
    for (const backends of [[gpu()], [asyncOnly]]) {
      expect(setUp(backends).dispatcher.runSync(REQUEST)).toMatchObject({
        ok: false,
        error: { kind: 'unsupported', decision: null, attempts: [] },
      });
    }
  });
});

describe('dispatcher that decides', () => {
  it('reads the metrics at most once per request, and never when the policy does not need them', async () => {
    const { dispatcher, tracker } = setUp([gpu(), cpu()]);
    unwrap(await dispatcher.run(REQUEST));
    expect(tracker.snapshots).toEqual(['cosine-similarity']);
    unwrap(await dispatcher.run(REQUEST));
    expect(tracker.snapshots).toEqual(['cosine-similarity', 'cosine-similarity']);
    const small = setUp([gpu(), cpu()], { policy: thresholdPolicy() });
    unwrap(await small.dispatcher.run(REQUEST));
    expect(small.tracker.snapshots).toEqual([]);
  });

  it('counts decisions by operation and reason', async () => {
    const { dispatcher } = setUp([gpu(), cpu()], { policy: thresholdPolicy({ gpuMinBatchSize: 3 }) });
    unwrap(await dispatcher.run(REQUEST));
    unwrap(await dispatcher.run({ ...REQUEST, end: 2 }));
    unwrap(await dispatcher.run({ ...REQUEST, end: 1 }));
    unwrap(dispatcher.runSync(REQUEST));
    const counts = dispatcher.decisions('cosine-similarity');
    expect(Object.entries(counts).filter(([, count]) => count > 0)).toEqual([
      ['forced', 1],
      ['too-small', 2],
      ['calibrating', 1],
    ]);
    expect(Object.values(dispatcher.decisions('top-k')).every((count) => count === 0)).toBe(true);
  });

  it('gives the policy a view of every device for the request, and each attempt once', async () => {
    const seen: unknown[] = [];
    const samples: DispatchSample[] = [];
    const policy: DispatchPolicy = {
      ...thresholdPolicy({ gpuMinBatchSize: 0 }),
      decide: (work, devices, context, out) => {
        seen.push(structuredClone([work.batchSize, devices, context.strict]));
        out.device = 0;
        out.reason = 'explore';
        out.predictedMs = 7;
      },
      observe: (sample) => void samples.push(sample),
    };
    const holding = { ...gpu(fail('fault')), residency: () => ({ residentBytes: 20, bytesToUpload: 4 }) };
    const { dispatcher, tracker } = setUp([holding, gpu(undefined, 'cuda:1'), cpu()], { policy });
    const result = await dispatcher.run(REQUEST);
    const free = { supported: true, queueMs: 0, chunks: 1, blocked: false };
    expect(seen).toEqual([
      [
        3,
        [
          { ...free, id: 'cuda:0', kind: 'gpu', holdsOperand: false, bytesToUpload: 8 + 4, bytesToKeep: Infinity },
          { ...free, id: 'cuda:1', kind: 'gpu', holdsOperand: false, bytesToUpload: 8 + 24, bytesToKeep: Infinity },
          { ...free, id: 'cpu', kind: 'cpu', holdsOperand: true, bytesToUpload: 0, bytesToKeep: 0 },
        ],
        false,
      ],
    ]);
    expect(result.ok && result.value.decision).toMatchObject({ reason: 'explore', predictedMs: 7 });
    expect(samples.map(({ attempt }) => attempt)).toEqual(tracker.attempts);
    expect(outcomesOf(tracker.attempts)).toEqual(['cuda:0 fault', '+cuda:1 success']);
  });

  it('throws when the policy chooses a device index that does not exist', async () => {
    const lost: DispatchPolicy = {
      ...thresholdPolicy(),
      decide: (_work, _devices, _context, out) => void (out.device = 2),
    };
    await expect(setUp([cpu()], { policy: lost }).dispatcher.run(REQUEST)).rejects.toThrow(
      "out.device of the policy 'threshold': expected the index of one of 1 devices, got 2",
    );
  });
});

describe('dispatcher with a policy that chooses no device', () => {
  it('fails with unsupported, even after a request for which the policy had chosen a device', async () => {
    let decided = 0;
    const once: DispatchPolicy = {
      ...thresholdPolicy(),
      decide: (_work, _devices, _context, out) => void (out.device = decided++ === 0 ? 0 : out.device),
    };
    const { dispatcher } = setUp([cpu()], { policy: once });
    expect(await dispatcher.run(REQUEST)).toMatchObject({ ok: true });
    expect(await dispatcher.run(REQUEST)).toMatchObject({ ok: false, error: { kind: 'unsupported', decision: null } });
    expect(NO_DEVICE).toBe(-1);
  });
});

describe('createDispatcher()', () => {
  const good = { backends: [cpu()], policy: thresholdPolicy(), tracker: listTracker() };
  it.each([
    [{ backends: [] }, 'backends: expected at least one, got none'],
    [{ backends: 'cpu' }, "backends: expected an array of backends, got 'cpu'"],
    [{ backends: [cpu(), cpu()] }, "backends[1].id: 'cpu' is listed twice"],
    [{ backends: [{ ...cpu(), kind: 'tpu' }] }, "backends[0].kind: expected one of cpu, gpu, remote, got 'tpu'"],
    [
      { backends: [{ ...cpu(), kind: undefined }] },
      'backends[0].kind: expected one of cpu, gpu, remote, got undefined',
    ],
    [{ backends: [{ ...cpu(), isGuarded: 1 }] }, 'backends[0].isGuarded: expected a boolean, got 1'],
    [{ backends: [{ ...cpu(), topK: 1 }] }, 'backends[0].topK: expected a function, got 1'],
    [{ policy: 'threshold' }, "policy: expected an object, got 'threshold'"],
    [{ policy: {} }, 'policy.decide: expected a function, got undefined'],
    [{ tracker: { snapshot() {} } }, 'tracker.record: expected a function, got undefined'],
    [{ fallback: 'gpu' }, "fallback: expected one of cpu, never, got 'gpu'"],
    [{ clock: 5 }, 'clock: expected a function, got 5'],
  ])('refuses the options %o', (wrong, message) => {
    expect(() => createDispatcher({ ...good, ...wrong } as never)).toThrow(message);
  });

  it('creates a breaker only for a backend with isGuarded', () => {
    const careful = { ...cpu(), isGuarded: true };
    const trusted = { ...gpu(), isGuarded: false };
    const dispatcher = createDispatcher({ ...good, backends: [trusted, careful] });
    expect(dispatcher.breaker('cpu')?.state).toBe('closed');
    expect(dispatcher.breaker('cuda:0')).toBeUndefined();
  });

  it('measures with the clock of the process by default', async () => {
    const result = await createDispatcher(good).run({ ...REQUEST });
    expect(result.ok && Number.isFinite(result.value.latencyMs)).toBe(true);
  });
});
