import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createMatrix,
  createTopKOutput,
  err,
  ok,
  prepareRequest,
  prepareTopK,
  type AttemptReport,
  type Backend,
  type DispatchSample,
  type OperationRequest,
  type TopKOutput,
} from '@gearshift/contracts';
import { pinnedPolicy } from '@gearshift/policies';
import { NO_METRICS } from '@gearshift/tracker';
import { createFakeGpuBackend, createManualClock, createOracleBackend } from '@gearshift/testing';
import { AttemptRunner } from '../src/attempts/attempt-runner.js';
import { checkHangLimits, hangLimitMs } from '../src/attempts/hang-limit.js';
import type { AttemptPlan, Job } from '../src/attempts/job.js';
import { createDevices } from '../src/devices/device.js';
import { SampledVerification } from '../src/verification/sampled-verification.js';
import { dispatchOperationOf } from '../src/operations/dispatch-operations.js';
import { manualTimers } from './manual-timers.js';
import { PHASES, scriptedBackend, type Act } from './scripted-backend.js';

const matrix = createMatrix(new Float32Array([1, 0, 0, 1, 3, 4]), { dimensions: 2 });
const QUERY = new Float32Array([1, 0]);
const COSINE: OperationRequest = { operation: 'cosine-similarity', query: QUERY, matrix };
const TOP_2 = { operation: 'top-k', query: QUERY, matrix, k: 2 } as const;
const PLAN = { fallback: false, last: false, probe: false, predictedMs: NaN };

const rejections: unknown[] = [];
const noteRejection = (reason: unknown) => void rejections.push(reason);
beforeEach(() => void process.on('unhandledRejection', noteRejection));
afterEach(async () => {
  await setImmediate();
  process.off('unhandledRejection', noteRejection);
  expect(rejections.splice(0)).toEqual([]);
});

function setUp(gpu: (clock: ReturnType<typeof createManualClock>) => Backend) {
  const clock = createManualClock();
  const timers = manualTimers(clock);
  const backend = gpu(clock);
  const [device] = createDevices([backend], {}, clock.nowMs, timers);
  const breaker = device.guard?.breaker ?? expect.fail('a GPU has a breaker');
  const attempts: AttemptReport[] = [];
  const samples: DispatchSample[] = [];
  const attemptRunner = new AttemptRunner({
    tracker: { record: (attempt) => void attempts.push(attempt), snapshot: () => NO_METRICS },
    policy: { ...pinnedPolicy('fake:0'), observe: (sample) => void samples.push(sample) },
    clock: clock.nowMs,
    timers,
    hangLimits: checkHangLimits({ floorMs: 20, unpredictedMs: 100 }),
    verification: new SampledVerification(0),
  });
  const runner = {
    run(on: Backend, job: Job, plan: AttemptPlan) {
      const target = on === backend ? device : createDevices([on], {}, clock.nowMs, timers)[0];
      return attemptRunner.run(target, job, plan);
    },
  };
  /** Advances the clock in steps of 1 ms and runs the event loop after each. */
  const pass = async (durationMs: number) => {
    for (let i = 0; i < durationMs; i++) {
      await setImmediate();
      clock.advance(1);
    }
    await setImmediate();
  };
  return { clock, timers, backend, breaker, attempts, samples, runner, pass };
}

function jobOf(request: OperationRequest, output: Float32Array | TopKOutput, ownsOutput: boolean): Job {
  const prepared = prepareRequest(request);
  const operation = dispatchOperationOf(prepared);
  return {
    operation,
    request: prepared,
    output,
    ownsOutput,
    work: operation.describeWork(prepared),
    signal: undefined,
  };
}

/** A GPU that ignores aborts and answers when `answerNow` is called. */
function stubbornGpu() {
  let answerNow: (() => void) | undefined;
  const signals: (AbortSignal | undefined)[] = [];
  const outputs: (Float32Array | TopKOutput)[] = [];
  const act: Act = async (_call, compute, signal, output) => {
    signals.push(signal);
    outputs.push(output);
    await new Promise<void>((resolve) => (answerNow = resolve));
    if ('count' in output) output.count = 77;
    const scores = 'count' in output ? output.scores : output;
    scores.fill(-77);
    return compute === undefined ? undefined : ok(PHASES);
  };
  return {
    backend: scriptedBackend({ id: 'fake:0', kind: 'gpu', act }),
    signals,
    outputs,
    answerNow: () => answerNow?.(),
  };
}

describe('hangLimitMs', () => {
  const limits = checkHangLimits({});
  it.each([
    [100, 1000],
    [25, 250],
    [24, 250],
    [0, 250],
    [NaN, 10_000],
    [1e9, 3_600_000],
    [Infinity, 3_600_000],
  ])('gives up an attempt predicted to take %d ms after %d ms', (predictedMs, limitMs) => {
    expect(hangLimitMs(predictedMs, limits)).toBe(limitMs);
  });

  it('refuses negative limits and limits that are not numbers', () => {
    expect(() => checkHangLimits({ floorMs: -1 })).toThrow(RangeError);
    expect(() => checkHangLimits({ unpredictedMs: NaN })).toThrow(RangeError);
  });
});

describe('attempt on a GPU that hangs', () => {
  it('is not aborted after the GPU has answered', async () => {
    let signal: AbortSignal | undefined;
    const act: Act = (_call, compute, given) => {
      signal = given;
      return compute();
    };
    const { runner, pass, backend } = setUp(() => scriptedBackend({ id: 'fake:0', kind: 'gpu', act }));
    expect((await runner.run(backend, jobOf(COSINE, new Float32Array(3), true), PLAN)).outcome).toBe('success');
    await pass(200);
    expect(signal?.aborted).toBe(false);
  });

  it('ends with timeout after the limit and opens the breaker', async () => {
    const { runner, pass, breaker, attempts, backend } = setUp((clock) =>
      createFakeGpuBackend({ script: ['hang'], clock }),
    );
    const running = runner.run(backend, jobOf(COSINE, new Float32Array(3), true), { ...PLAN, predictedMs: 3 });
    await pass(29);
    expect(attempts).toEqual([]);
    await pass(8);
    const attempt = await running;
    // One turn more than the 30 ms, for answers that are queued behind the timer.
    expect(attempt).toMatchObject({ outcome: 'timeout', error: { kind: 'timeout', backend: 'fake:0' } });
    expect(attempt.latencyMs).toBe(35);
    expect(attempts).toEqual([attempt]);
    expect(breaker.snapshot()).toMatchObject({ state: 'open', cause: 'hang', failedAttemptMs: 35 });
  });

  it('gets the longer unpredicted limit when there is no prediction', async () => {
    const { runner, pass, backend } = setUp((clock) => createFakeGpuBackend({ script: ['hang'], clock }));
    const running = runner.run(backend, jobOf(COSINE, new Float32Array(3), true), PLAN);
    await pass(110);
    expect((await running).latencyMs).toBe(105);
  });

  it('succeeds when the GPU is slow but within the limit', async () => {
    const { runner, pass, backend, breaker } = setUp((clock) => createFakeGpuBackend({ latencyMs: 60, clock }));
    const running = runner.run(backend, jobOf(COSINE, new Float32Array(3), true), PLAN);
    await pass(120);
    expect((await running).outcome).toBe('success');
    expect(breaker.state).toBe('closed');
  });

  it.each([
    ['cosine', COSINE, () => new Float32Array(3)],
    ['top-k', TOP_2, () => createTopKOutput(prepareTopK(TOP_2))],
  ] as const)('cannot write into the answer after the timeout: %s', async (_name, request, makeOutput) => {
    for (const ownsOutput of [true, false]) {
      const gpu = stubbornGpu();
      const { runner, pass, backend, attempts, samples } = setUp(() => gpu.backend);
      const given = makeOutput();
      const job = jobOf(request, given, ownsOutput);
      const running = runner.run(backend, job, PLAN);
      await pass(110);
      expect((await running).outcome).toBe('timeout');
      expect(gpu.signals[0]?.aborted).toBe(true);
      // A job replaces its own output after a timeout. A backend never gets an output of the caller.
      expect(job.output === given).toBe(!ownsOutput);
      const cpu = createOracleBackend('cpu');
      expect((await runner.run(cpu, job, { ...PLAN, fallback: true, last: true })).outcome).toBe('success');
      const answer = structuredClone(job.output);
      gpu.answerNow();
      await pass(5);
      expect(job.output).toEqual(answer);
      if (!ownsOutput) expect(given).toEqual(answer);
      expect(gpu.outputs[0]).not.toBe(job.output);
      // Its late answer does not count.
      expect(attempts.map(({ outcome }) => outcome)).toEqual(['timeout', 'success']);
      expect(samples).toHaveLength(2);
    }
  });

  it('ends with timeout without an unhandled rejection when the GPU rejects late or answers that it was aborted', async () => {
    let rejectLate: (reason: Error) => void = () => {};
    const act: Act = (call, _compute, signal) => {
      if (call === 0) return new Promise((_resolve, reject) => (rejectLate = reject));
      return new Promise((resolve) => {
        const answer = () => resolve(err({ kind: 'aborted', message: '', backend: '' }));
        signal?.addEventListener('abort', answer);
      });
    };
    const { runner, pass, backend } = setUp(() => scriptedBackend({ id: 'fake:0', kind: 'gpu', act }));
    for (let i = 0; i < 2; i++) {
      const running = runner.run(backend, jobOf(COSINE, new Float32Array(3), true), PLAN);
      await pass(110);
      expect((await running).outcome).toBe('timeout');
    }
    rejectLate(new Error('late'));
    await pass(2);
  });

  it('ends as aborted, and not as a hang, when the caller aborts first', async () => {
    const gpu = stubbornGpu();
    const { runner, pass, backend, breaker } = setUp(() => gpu.backend);
    const caller = new AbortController();
    const job = { ...jobOf(COSINE, new Float32Array(3), true), signal: caller.signal };
    const running = runner.run(backend, job, { ...PLAN, predictedMs: 1000 });
    await pass(5);
    caller.abort();
    expect(gpu.signals[0]?.aborted).toBe(true);
    await pass(300);
    expect(await running).toMatchObject({ outcome: 'aborted' });
    expect(breaker.state).toBe('closed');
    gpu.answerNow();
  });

  it('ends with a fault when reading the answer throws', async () => {
    const answer = Object.defineProperty({}, 'ok', {
      get: () => {
        throw new Error('boo');
      },
    });
    const { runner, backend, breaker } = setUp(() =>
      scriptedBackend({ id: 'fake:0', kind: 'gpu', act: () => Promise.resolve(answer) }),
    );
    const attempt = await runner.run(backend, jobOf(COSINE, new Float32Array(3), true), PLAN);
    expect(attempt).toMatchObject({ outcome: 'fault', error: { message: 'fake:0: it threw Error: boo' } });
    expect(breaker.snapshot().consecutiveFaults).toBe(1);
  });

  it('ends as aborted when the signal was aborted before the attempt', async () => {
    const { runner, backend } = setUp((clock) => createFakeGpuBackend({ clock }));
    const job = { ...jobOf(COSINE, new Float32Array(3), true), signal: AbortSignal.abort() };
    expect(await runner.run(backend, job, PLAN)).toMatchObject({ outcome: 'aborted' });
  });
});

describe('probe attempt', () => {
  it('returns its lease as failed when the GPU hangs', async () => {
    const { runner, pass, backend, breaker } = setUp((clock) =>
      createFakeGpuBackend({ script: ['hang', 'hang', 'success'], clock }),
    );
    const run = async (probe: boolean) => {
      const running = runner.run(backend, jobOf(COSINE, new Float32Array(3), true), { ...PLAN, probe });
      await pass(110);
      return (await running).outcome;
    };
    expect(await run(false)).toBe('timeout');
    expect(breaker.admit(1e9)).toBe('probe');
    expect(await run(true)).toBe('timeout');
    expect(breaker.snapshot()).toMatchObject({ state: 'open', kappa: 2, probes: { failed: 1, expired: 0 } });
    expect(breaker.admit(1e9)).toBe('probe');
    expect(await run(true)).toBe('success');
    expect(breaker.state).toBe('closed');
  });

  it('returns its lease as undecided when the call throws for a mistake of the caller', async () => {
    const act: Act = () => {
      throw new TypeError('query: its buffer was detached');
    };
    const { runner, backend, breaker } = setUp(() => scriptedBackend({ id: 'fake:0', kind: 'gpu', act }));
    breaker.record('timeout', 1, false);
    expect(breaker.admit(1e9)).toBe('probe');
    const plan = { ...PLAN, probe: true, last: true };
    await expect(runner.run(backend, jobOf(COSINE, new Float32Array(3), true), plan)).rejects.toThrow(TypeError);
    expect(breaker.snapshot()).toMatchObject({ state: 'open', kappa: 1, cause: 'probe-undecided' });
  });

  it('ends with invalid-result and leaves the output of the caller unchanged when the result is wrong', async () => {
    const { runner, backend, breaker, attempts } = setUp((clock) =>
      createFakeGpuBackend({ script: ['wrong-numbers'], clock }),
    );
    breaker.record('timeout', 1, false);
    expect(breaker.admit(1e9)).toBe('probe');
    const given = new Float32Array(3);
    const attempt = await runner.run(backend, jobOf(COSINE, given, false), { ...PLAN, probe: true });
    expect(attempt).toMatchObject({ outcome: 'invalid-result' });
    expect(given).toEqual(new Float32Array(3));
    expect(attempts).toEqual([attempt]);
    expect(breaker.snapshot()).toMatchObject({ state: 'open', cause: 'probe-failed', kappa: 2 });
  });
});

describe('samples that the policy gets', () => {
  it('contain the uploaded bytes and whether other work was running', async () => {
    const { runner, pass, backend, samples } = setUp((clock) => createFakeGpuBackend({ latencyMs: 2, clock }));
    const first = runner.run(backend, jobOf(COSINE, new Float32Array(3), true), PLAN);
    const second = runner.run(backend, jobOf(COSINE, new Float32Array(3), true), PLAN);
    await pass(5);
    await Promise.all([first, second]);
    const resident = backend.makeResident?.(matrix);
    await pass(5);
    expect(await resident).toMatchObject({ ok: true });
    const third = runner.run(backend, jobOf(COSINE, new Float32Array(3), true), PLAN);
    await pass(5);
    await third;
    const summaries = samples.map(({ uploadedBytes, queued }) => ({ uploadedBytes, queued }));
    // On a busy machine the second answer may be read before the first.
    summaries.sort((a, b) => b.uploadedBytes - a.uploadedBytes || Number(a.queued) - Number(b.queued));
    expect(summaries).toEqual([
      { uploadedBytes: 8 + 24, queued: false },
      { uploadedBytes: 8 + 24, queued: true },
      { uploadedBytes: 8, queued: false },
    ]);
  });
});
