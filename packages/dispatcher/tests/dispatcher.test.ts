import { describe, expect, it } from 'vitest';
import {
  BACKEND_ERROR_KINDS,
  createGraph,
  createMatrix,
  createTopKOutput,
  err,
  graphFromEdges,
  ok,
  prepareTopK,
  unwrap,
  type AttemptReport,
  type Backend,
  type BackendErrorKind,
  type CosineSimilarityRequest,
  type OperationRequest,
  type TopKOutput,
} from '@gearshift/contracts';
import { NO_METRICS } from '@gearshift/tracker';
import {
  createDispatcher,
  NO_DEVICE,
  pinnedPolicy,
  thresholdPolicy,
  type DispatcherOptions,
  type DispatchPolicy,
  type DispatchSample,
} from '../src/index.js';
import { PHASES, scriptedBackend, type Act } from './scripted-backend.js';

const matrix = createMatrix(new Float32Array([1, 0, 0, 1, 3, 4]), { dimensions: 2 });
const REQUEST: CosineSimilarityRequest = { operation: 'cosine-similarity', query: new Float32Array([1, 0]), matrix };
const SCORES = Float32Array.of(1, 0, 0.6);

const gpu = (act?: Act, id = 'cuda:0') => scriptedBackend({ id, kind: 'gpu', act });
const cpu = (act?: Act) => scriptedBackend({ id: 'cpu', kind: 'cpu', act });
const fail = (kind: BackendErrorKind) => () => err({ kind, message: `scripted ${kind}`, backend: 'whoever' });

/** A tracker that keeps what it is told and says that nothing is known. */
function listTracker() {
  const attempts: AttemptReport[] = [];
  const snapshots: string[] = [];
  return {
    attempts,
    snapshots,
    record: (attempt: AttemptReport) => void attempts.push(attempt),
    snapshot: (operation: string) => {
      snapshots.push(operation);
      return NO_METRICS;
    },
  };
}

/** A dispatcher whose clock ticks once per look, so that every latency is known. */
function setUp(backends: readonly Backend[], options: Partial<DispatcherOptions> = {}) {
  const tracker = listTracker();
  let nowMs = 0;
  const clock = () => (nowMs += 1);
  const policy = thresholdPolicy({ gpuMinBatchSize: 0 });
  return { tracker, dispatcher: createDispatcher({ backends, policy, tracker, clock, ...options }) };
}

/** Each attempt as `backend outcome`, with a `+` where it was a fallback. */
const told = (attempts: readonly AttemptReport[]) =>
  attempts.map(({ backend, outcome, fallback }) => `${fallback ? '+' : ''}${backend} ${outcome}`);

describe('a request that succeeds', () => {
  it('is answered by the chosen device, with decision, attempts and times', async () => {
    const { dispatcher, tracker } = setUp([gpu(), cpu()]);
    const attempt = {
      operation: 'cosine-similarity',
      backend: 'cuda:0',
      device: 'gpu',
      outcome: 'success',
      latencyMs: 1,
      fallback: false,
      phases: PHASES,
      error: undefined,
    };
    expect(await dispatcher.run(REQUEST)).toEqual(
      ok({
        output: SCORES,
        decision: { backend: 'cuda:0', device: 'gpu', reason: 'calibrating', policy: 'threshold' },
        attempts: [attempt],
        latencyMs: 10,
        phases: PHASES,
      }),
    );
    expect(tracker.attempts).toEqual([attempt]);
  });

  it('writes into the output of the caller', async () => {
    const { dispatcher } = setUp([cpu()]);
    const output = new Float32Array(3);
    const result = await dispatcher.run(REQUEST, output);
    expect(result.ok && result.value.output).toBe(output);
    expect(output).toEqual(SCORES);
  });

  it('may be any of the operations', async () => {
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

  it('survives postMessage unchanged, as does one that failed', async () => {
    const good = await setUp([gpu(fail('fault')), cpu()]).dispatcher.run(REQUEST);
    const bad = await setUp([cpu(fail('fault'))]).dispatcher.run(REQUEST);
    expect(structuredClone(good)).toEqual(good);
    expect(structuredClone(bad)).toEqual(bad);
  });

  it('keeps concurrent requests apart, by value', async () => {
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

describe('nothing to compute', () => {
  const empty = createMatrix(new Float32Array(0), { dimensions: 2 });
  it.each<OperationRequest>([
    { ...REQUEST, matrix: empty },
    { ...REQUEST, start: 1, end: 1 },
    { operation: 'top-k', query: REQUEST.query, matrix: empty, k: 3 },
    { operation: 'top-k', query: REQUEST.query, matrix, k: 3, candidates: new Uint32Array(0) },
    { operation: 'spread-activation', graph: graphFromEdges(0, []), activations: new Float32Array(0) },
  ])('touches no device: %o', async (request) => {
    const backends = [gpu(), cpu()];
    const { dispatcher, tracker } = setUp(backends);
    for (const result of [await dispatcher.run(request), dispatcher.runSync(request)]) {
      expect(result).toMatchObject({ ok: true, value: { decision: null, attempts: [], phases: null } });
    }
    expect(backends.flatMap(({ calls }) => calls)).toEqual([]);
    expect(tracker.attempts).toEqual([]);
  });

  it('says a count of 0 in an output that held an older answer', async () => {
    const output: TopKOutput = { indices: new Uint32Array(3), scores: new Float32Array(3), count: 3 };
    unwrap(
      await setUp([cpu()]).dispatcher.run({ operation: 'top-k', query: REQUEST.query, matrix: empty, k: 3 }, output),
    );
    expect(output.count).toBe(0);
  });
});

describe('a GPU that fails', () => {
  const failures = BACKEND_ERROR_KINDS.filter((kind) => kind !== 'aborted');
  it.each(failures)('%s: the CPU answers, and each attempt is recorded once under its own device', async (kind) => {
    const { dispatcher, tracker } = setUp([gpu(fail(kind)), cpu()]);
    const result = await dispatcher.run(REQUEST);
    expect(result).toMatchObject({ ok: true, value: { output: SCORES, decision: { backend: 'cuda:0' } } });
    // Half of a request may fit where the whole does not; and the rest is done by the CPU alone when it does not either.
    const again = kind === 'out-of-memory' ? [`cuda:0 ${kind}`] : [];
    expect(told(tracker.attempts)).toEqual([`cuda:0 ${kind}`, ...again, '+cpu success']);
    expect(result.ok && result.value.attempts).toEqual(tracker.attempts);
    expect(tracker.attempts[0].error).toMatchObject({ kind, message: `scripted ${kind}`, backend: 'cuda:0' });
  });

  const faults: [string, Act, BackendErrorKind][] = [
    ['throws', () => { throw new Error('boom'); }, 'fault'], // prettier-ignore
    ['throws what is no error', () => { throw Object.create(null); }, 'fault'], // prettier-ignore
    ['throws a TypeError of its own making', () => { throw new TypeError('boom'); }, 'fault'], // prettier-ignore
    ['rejects', () => Promise.reject(new Error('boom')), 'fault'],
    ['answers nothing', () => undefined, 'invalid-result'],
    ['answers with no result', () => ({ done: true }), 'invalid-result'],
    ['answers with an error of no known kind', () => err({ kind: 'bored', message: '' }), 'invalid-result'],
    ['answers with a failure without an error', () => ({ ok: false }), 'invalid-result'],
    ['tells no phase times', () => ok(undefined), 'invalid-result'],
    ['reports an abort that nobody asked for', fail('aborted'), 'fault'],
  ];
  it.each(faults)('%s: the CPU answers', async (_name, act, outcome) => {
    const { dispatcher, tracker } = setUp([gpu(act), cpu()]);
    expect(await dispatcher.run(REQUEST)).toMatchObject({ ok: true, value: { output: SCORES } });
    expect(told(tracker.attempts)).toEqual([`cuda:0 ${outcome}`, '+cpu success']);
  });

  it.each([
    ['too few', 1],
    ['too many', 3],
    ['no', 0],
    ['an untold number of', undefined],
  ])('finds out one that writes %s entries of a top-k', async (_name, count) => {
    const wrong: Act = (_call, compute, _signal, output) => {
      if (count === undefined) return ok(PHASES);
      const answer = compute();
      (output as TopKOutput).count = count;
      return answer;
    };
    const { dispatcher, tracker } = setUp([gpu(wrong), cpu()]);
    const request = { operation: 'top-k', query: REQUEST.query, matrix, k: 2 } as const;
    const output = createTopKOutput(prepareTopK(request));
    expect(await dispatcher.run(request, output)).toMatchObject({ ok: true, value: { output: { count: 2 } } });
    expect(told(tracker.attempts)).toEqual(['cuda:0 invalid-result', '+cpu success']);
    expect(output.indices).toEqual(Uint32Array.of(0, 2));
  });

  it('is followed by the other GPUs in list order, without those that refuse, and by the CPU last', async () => {
    const refusing = scriptedBackend({ id: 'cuda:2', kind: 'gpu', supports: () => ({ reason: 'too wide' }) });
    const mute = scriptedBackend({
      id: 'cuda:3',
      kind: 'gpu',
      supports: () => {
        throw new Error('lost');
      },
    });
    const backends = [cpu(), gpu(fail('fault')), gpu(fail('timeout'), 'cuda:1'), refusing, mute];
    const { dispatcher, tracker } = setUp(backends);
    expect(await dispatcher.run(REQUEST)).toMatchObject({ ok: true, value: { output: SCORES } });
    expect(told(tracker.attempts)).toEqual(['cuda:0 fault', '+cuda:1 timeout', '+cpu success']);
  });

  it('is followed by the CPU without asking it: it is the last resort', async () => {
    const modest = scriptedBackend({ id: 'cpu', kind: 'cpu', supports: () => ({ reason: 'too wide' }) });
    expect(await setUp([gpu(fail('fault')), modest]).dispatcher.run(REQUEST)).toMatchObject({ ok: true });
  });

  it('ends in the error of the last device when all fail', async () => {
    const { dispatcher, tracker } = setUp([gpu(fail('device-lost')), cpu(fail('out-of-memory'))]);
    const result = await dispatcher.run(REQUEST);
    expect(result).toMatchObject({
      ok: false,
      error: {
        kind: 'out-of-memory',
        message:
          'no device succeeded after cuda:0: device-lost (scripted device-lost); cpu: out-of-memory (scripted out-of-memory)',
        decision: { backend: 'cuda:0', reason: 'calibrating' },
        cause: { kind: 'out-of-memory', backend: 'cpu' },
      },
    });
    expect(!result.ok && result.error.attempts).toEqual(tracker.attempts);
    expect(told(tracker.attempts)).toEqual(['cuda:0 device-lost', '+cpu out-of-memory']);
  });

  it('is not asked when the CPU was chosen and failed', async () => {
    const { dispatcher, tracker } = setUp([gpu(), cpu(fail('fault'))], { policy: thresholdPolicy() });
    expect(await dispatcher.run(REQUEST)).toMatchObject({ ok: false, error: { kind: 'fault' } });
    expect(told(tracker.attempts)).toEqual(['cpu fault']);
  });

  it('turns the error of a class into plain data', async () => {
    class DriverError extends Error {
      readonly kind = 'fault';
      readonly nativeCode = 719;
    }
    const result = await setUp([cpu(() => ({ ok: false, error: new DriverError('launch failed') }))]).dispatcher.run(
      REQUEST,
    );
    const cause = !result.ok && result.error.cause;
    expect(cause).not.toBeInstanceOf(Error);
    expect(cause).toEqual({ kind: 'fault', message: 'launch failed', backend: 'cpu', nativeCode: 719 });
  });
});

describe('strict mode', () => {
  it('fails with the chosen device, whatever it did', async () => {
    for (const act of [fail('fault'), () => Promise.reject(new Error('boom'))]) {
      const backends = [gpu(act), gpu(undefined, 'cuda:1'), cpu()];
      const { dispatcher, tracker } = setUp(backends, { fallback: 'never' });
      expect(await dispatcher.run(REQUEST)).toMatchObject({ ok: false, error: { kind: 'fault' } });
      expect(told(tracker.attempts)).toEqual(['cuda:0 fault']);
    }
  });

  it('fails without an attempt where the pinned device is missing', async () => {
    const { dispatcher, tracker } = setUp([cpu()], { fallback: 'never', policy: pinnedPolicy('cuda:0') });
    expect(await dispatcher.run(REQUEST)).toMatchObject({
      ok: false,
      error: { kind: 'unsupported', decision: null, attempts: [], cause: null },
    });
    expect(tracker.attempts).toEqual([]);
    expect(dispatcher.decisions('cosine-similarity')).toMatchObject({ 'no-device': 1 });
  });
});

describe('abort', () => {
  it('before the start: no decision, no device', async () => {
    const backends = [gpu(), cpu()];
    const { dispatcher } = setUp(backends);
    const result = await dispatcher.run(REQUEST, undefined, { signal: AbortSignal.abort() });
    expect(result).toMatchObject({ ok: false, error: { kind: 'aborted', decision: null, attempts: [], cause: null } });
    expect(backends.flatMap(({ calls }) => calls)).toEqual([]);
  });

  it('during an attempt: the backend gets the signal, and nobody stands in', async () => {
    const untilAborted: Act = (_call, _compute, signal) =>
      new Promise((resolve) => signal?.addEventListener('abort', () => resolve(fail('aborted')())));
    const { dispatcher, tracker } = setUp([gpu(untilAborted), cpu()]);
    const controller = new AbortController();
    const running = dispatcher.run(REQUEST, undefined, { signal: controller.signal });
    controller.abort();
    expect(await running).toMatchObject({ ok: false, error: { kind: 'aborted', cause: { kind: 'aborted' } } });
    expect(told(tracker.attempts)).toEqual(['cuda:0 aborted']);
  });

  it('while a GPU fails: the CPU does not start', async () => {
    const controller = new AbortController();
    const failing: Act = () => {
      controller.abort();
      return fail('fault')();
    };
    const { dispatcher, tracker } = setUp([gpu(failing), cpu()]);
    const result = await dispatcher.run(REQUEST, undefined, { signal: controller.signal });
    expect(result).toMatchObject({ ok: false, error: { kind: 'aborted', cause: { kind: 'fault' } } });
    expect(told(tracker.attempts)).toEqual(['cuda:0 fault']);
  });

  it('after the answer changes nothing', async () => {
    const controller = new AbortController();
    const late: Act = (_call, compute) => {
      controller.abort();
      return compute();
    };
    const result = await setUp([cpu(late)]).dispatcher.run(REQUEST, undefined, { signal: controller.signal });
    expect(result).toMatchObject({ ok: true, value: { output: SCORES } });
  });
});

describe('the mistakes of a caller', () => {
  const mistakes: [string, unknown, unknown, unknown, string][] = [
    ['no request', null, undefined, undefined, 'request: expected an object, got null'],
    [
      'a wrong dimension',
      { ...REQUEST, query: new Float32Array(3) },
      undefined,
      undefined,
      'query: expected one or more',
    ],
    ['a short output', REQUEST, new Float32Array(2), undefined, 'output: expected 3 elements, got 2'],
    [
      'an output that is an input',
      REQUEST,
      matrix.values.subarray(0, 3),
      undefined,
      'output: expected memory of its own',
    ],
    ['a wrong output', REQUEST, [], undefined, 'output: expected a Float32Array, got an array of 0 elements'],
    [
      'a wrong signal',
      REQUEST,
      undefined,
      { signal: {} },
      'signal: expected an AbortSignal, got an object of type Object',
    ],
  ];
  it.each(mistakes)('%s: refused before any device is touched', async (_name, request, output, options, message) => {
    const backends = [gpu(), cpu()];
    const { dispatcher, tracker } = setUp(backends);
    await expect(dispatcher.run(request as never, output as never, options as never)).rejects.toThrow(message);
    if (options === undefined) {
      expect(() => dispatcher.runSync(request as never, output as never)).toThrow(message);
    }
    expect(backends.flatMap(({ calls }) => calls)).toEqual([]);
    expect(tracker.attempts).toEqual([]);
  });

  it('that every device refuses by TypeError are thrown, and only the attempt of the GPU is on record', async () => {
    const detached = () => {
      throw new TypeError('query: its buffer was detached');
    };
    const { dispatcher, tracker } = setUp([gpu(detached), cpu(detached)]);
    await expect(dispatcher.run(REQUEST)).rejects.toThrow(new TypeError('query: its buffer was detached'));
    expect(told(tracker.attempts)).toEqual(['cuda:0 fault']);
    expect(() => dispatcher.runSync(REQUEST)).toThrow(TypeError);
  });

  it('do not hide behind the order of a list without any CPU', async () => {
    const broken = gpu(() => Promise.reject(new TypeError('boom')), 'cuda:1');
    const { dispatcher } = setUp([gpu(), broken], { policy: pinnedPolicy('cuda:1') });
    expect(await dispatcher.run(REQUEST)).toMatchObject({ ok: true, value: { output: SCORES } });
  });
});

describe('runSync', () => {
  it('runs on the CPU whatever the policy would choose, recorded once', () => {
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
    expect(told(tracker.attempts)).toEqual(['cpu success']);
    expect(backends[0].calls).toEqual([]);
  });

  it('has nobody to fall back to', () => {
    const crash = () => {
      throw new Error('boom');
    };
    const { dispatcher, tracker } = setUp([gpu(), cpu(crash)]);
    expect(dispatcher.runSync(REQUEST)).toMatchObject({
      ok: false,
      error: { kind: 'fault', cause: { message: 'cpu: it threw Error: boom' } },
    });
    expect(told(tracker.attempts)).toEqual(['cpu fault']);
  });

  it('is unsupported without a synchronous CPU backend', () => {
    const { topKSync: _gone, ...asyncOnly } = cpu();
    for (const backends of [[gpu()], [asyncOnly]]) {
      expect(setUp(backends).dispatcher.runSync(REQUEST)).toMatchObject({
        ok: false,
        error: { kind: 'unsupported', decision: null, attempts: [] },
      });
    }
  });
});

describe('deciding', () => {
  it('takes one snapshot at most, and none where the policy needs none', async () => {
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

  it('shows the policy the devices as they are for this request, and each attempt once', async () => {
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
    expect(told(tracker.attempts)).toEqual(['cuda:0 fault', '+cuda:1 success']);
  });

  it('refuses a policy that points at no device', async () => {
    const lost: DispatchPolicy = {
      ...thresholdPolicy(),
      decide: (_work, _devices, _context, out) => void (out.device = 2),
    };
    await expect(setUp([cpu()], { policy: lost }).dispatcher.run(REQUEST)).rejects.toThrow(
      "out.device of the policy 'threshold': expected the index of one of 1 devices, got 2",
    );
  });
});

describe('a policy that says nothing', () => {
  it('has chosen no device, also after a request for which it had chosen one', async () => {
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

describe('options', () => {
  const good = { backends: [cpu()], policy: thresholdPolicy(), tracker: listTracker() };
  it.each([
    [{ backends: [] }, 'backends: expected at least one, got none'],
    [{ backends: 'cpu' }, "backends: expected an array of backends, got 'cpu'"],
    [{ backends: [cpu(), cpu()] }, "backends[1].id: expected ids to differ, got 'cpu' twice"],
    [{ backends: [{ ...cpu(), kind: 'tpu' }] }, "backends[0].kind: expected 'cpu' or 'gpu', got 'tpu'"],
    [{ backends: [{ ...cpu(), topK: 1 }] }, 'backends[0].topK: expected a function, got 1'],
    [{ policy: 'threshold' }, "policy: expected an object, got 'threshold'"],
    [{ policy: {} }, 'policy.decide: expected a function, got undefined'],
    [{ tracker: { snapshot() {} } }, 'tracker.record: expected a function, got undefined'],
    [{ fallback: 'gpu' }, "fallback: expected one of cpu, never, got 'gpu'"],
    [{ clock: 5 }, 'clock: expected a function, got 5'],
  ])('refuses %o', (wrong, message) => {
    expect(() => createDispatcher({ ...good, ...wrong } as never)).toThrow(message);
  });

  it('reads the clock of the process by default', async () => {
    const result = await createDispatcher(good).run({ ...REQUEST });
    expect(result.ok && Number.isFinite(result.value.latencyMs)).toBe(true);
  });
});

it('rejects a graph that lies, like any backend would', async () => {
  const graph = createGraph({
    nodes: 1,
    rowPointers: Uint32Array.of(0, 0),
    columns: new Uint32Array(0),
    weights: new Float32Array(0),
  });
  const lying = { ...graph, nodes: 2 };
  await expect(
    setUp([cpu()]).dispatcher.run({ operation: 'spread-activation', graph: lying, activations: new Float32Array(2) }),
  ).rejects.toThrow('rowPointers: expected 3 elements');
});
