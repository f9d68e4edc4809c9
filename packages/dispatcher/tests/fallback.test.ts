import { describe, expect, it } from 'vitest';
import {
  BACKEND_ERROR_KINDS,
  createTopKOutput,
  err,
  ok,
  prepareTopK,
  type BackendErrorKind,
  type TopKOutput,
} from '@gearshift/contracts';
import { pinnedPolicy, thresholdPolicy } from '@gearshift/policies';
import { matrix, REQUEST, SCORES, gpu, cpu, fail, setUp, outcomesOf } from './dispatch-setup.js';
import { PHASES, scriptedBackend, type Act } from './scripted-backend.js';

describe('dispatcher with a GPU that fails', () => {
  const failures = BACKEND_ERROR_KINDS.filter((kind) => kind !== 'aborted');
  it.each(failures)('answers on the CPU after %s and records each attempt once under its own device', async (kind) => {
    const { dispatcher, tracker } = setUp([gpu(fail(kind)), cpu()]);
    const result = await dispatcher.run(REQUEST);
    expect(result).toMatchObject({ ok: true, value: { output: SCORES, decision: { backend: 'cuda:0' } } });
    // Half of a request may fit where the whole does not. When the half does not fit either, the CPU does everything.
    const again = kind === 'out-of-memory' ? [`cuda:0 ${kind}`] : [];
    expect(outcomesOf(tracker.attempts)).toEqual([`cuda:0 ${kind}`, ...again, '+cpu success']);
    expect(result.ok && result.value.attempts).toEqual(tracker.attempts);
    expect(tracker.attempts[0].error).toMatchObject({ kind, message: `scripted ${kind}`, backend: 'cuda:0' });
  });

  const faults: [string, Act, BackendErrorKind][] = [
    ['throws', () => { throw new Error('boom'); }, 'fault'], // prettier-ignore
    ['throws a value that is not an Error', () => { throw Object.create(null); }, 'fault'], // prettier-ignore
    ['throws a TypeError that no other device throws', () => { throw new TypeError('boom'); }, 'fault'], // prettier-ignore
    ['rejects', () => Promise.reject(new Error('boom')), 'fault'],
    ['answers nothing', () => undefined, 'invalid-result'],
    ['answers with an object that is not a Result', () => ({ done: true }), 'invalid-result'],
    ['answers with an unknown error kind', () => err({ kind: 'bored', message: '' }), 'invalid-result'],
    ['answers with a failure without an error', () => ({ ok: false }), 'invalid-result'],
    ['answers without phase times', () => ok(undefined), 'invalid-result'],
    ['reports an abort that was not requested', fail('aborted'), 'fault'],
  ];
  it.each(faults)('answers on the CPU when the GPU %s', async (_name, act, outcome) => {
    const { dispatcher, tracker } = setUp([gpu(act), cpu()]);
    expect(await dispatcher.run(REQUEST)).toMatchObject({ ok: true, value: { output: SCORES } });
    expect(outcomesOf(tracker.attempts)).toEqual([`cuda:0 ${outcome}`, '+cpu success']);
  });

  it.each([
    ['too few', 1],
    ['too many', 3],
    ['no', 0],
    ['an unset number of', undefined],
  ])('rejects the answer of a GPU that writes %s entries of a top-k', async (_name, count) => {
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
    expect(outcomesOf(tracker.attempts)).toEqual(['cuda:0 invalid-result', '+cpu success']);
    expect(output.indices).toEqual(Uint32Array.of(0, 2));
  });

  it('tries the other GPUs that support the request in list order, and the CPU last', async () => {
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
    expect(outcomesOf(tracker.attempts)).toEqual(['cuda:0 fault', '+cuda:1 timeout', '+cpu success']);
  });

  it('tries the CPU as the last device without calling its supports()', async () => {
    const modest = scriptedBackend({ id: 'cpu', kind: 'cpu', supports: () => ({ reason: 'too wide' }) });
    expect(await setUp([gpu(fail('fault')), modest]).dispatcher.run(REQUEST)).toMatchObject({ ok: true });
  });

  it('returns the error of the last device when all fail', async () => {
    const { dispatcher, tracker } = setUp([gpu(fail('device-lost')), cpu(fail('out-of-memory'))]);
    const result = await dispatcher.run(REQUEST);
    expect(result).toMatchObject({
      ok: false,
      error: {
        kind: 'out-of-memory',
        message:
          'no device succeeded after cuda:0: device-lost (scripted device-lost); cpu: out-of-memory (scripted out-of-memory); cpu: out-of-memory (scripted out-of-memory)',
        decision: { backend: 'cuda:0', reason: 'calibrating' },
        cause: { kind: 'out-of-memory', backend: 'cpu' },
      },
    });
    expect(!result.ok && result.error.attempts).toEqual(tracker.attempts);
    // The CPU tries smaller chunks too before it gives up.
    expect(outcomesOf(tracker.attempts)).toEqual(['cuda:0 device-lost', '+cpu out-of-memory', '+cpu out-of-memory']);
  });

  it('does not fall back to a GPU when the chosen CPU fails', async () => {
    const { dispatcher, tracker } = setUp([gpu(), cpu(fail('fault'))], { policy: thresholdPolicy() });
    expect(await dispatcher.run(REQUEST)).toMatchObject({ ok: false, error: { kind: 'fault' } });
    expect(outcomesOf(tracker.attempts)).toEqual(['cpu fault']);
  });

  it('turns an error that is a class instance into plain data', async () => {
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

describe('dispatcher in strict mode', () => {
  it('fails when the chosen device fails, without a fallback', async () => {
    for (const act of [fail('fault'), () => Promise.reject(new Error('boom'))]) {
      const backends = [gpu(act), gpu(undefined, 'cuda:1'), cpu()];
      const { dispatcher, tracker } = setUp(backends, { fallback: 'never' });
      expect(await dispatcher.run(REQUEST)).toMatchObject({ ok: false, error: { kind: 'fault' } });
      expect(outcomesOf(tracker.attempts)).toEqual(['cuda:0 fault']);
    }
  });

  it('fails without an attempt when the pinned device is missing', async () => {
    const { dispatcher, tracker } = setUp([cpu()], { fallback: 'never', policy: pinnedPolicy('cuda:0') });
    expect(await dispatcher.run(REQUEST)).toMatchObject({
      ok: false,
      error: { kind: 'unsupported', decision: null, attempts: [], cause: null },
    });
    expect(tracker.attempts).toEqual([]);
    expect(dispatcher.decisions('cosine-similarity')).toMatchObject({ 'no-device': 1 });
  });
});

describe('dispatcher with an aborted signal', () => {
  it('makes no decision and uses no device when the signal was aborted before the start', async () => {
    const backends = [gpu(), cpu()];
    const { dispatcher } = setUp(backends);
    const result = await dispatcher.run(REQUEST, undefined, { signal: AbortSignal.abort() });
    expect(result).toMatchObject({ ok: false, error: { kind: 'aborted', decision: null, attempts: [], cause: null } });
    expect(backends.flatMap(({ calls }) => calls)).toEqual([]);
  });

  it('passes the signal to the backend and does not fall back after an abort during the attempt', async () => {
    const untilAborted: Act = (_call, _compute, signal) =>
      new Promise((resolve) => signal?.addEventListener('abort', () => resolve(fail('aborted')())));
    const { dispatcher, tracker } = setUp([gpu(untilAborted), cpu()]);
    const controller = new AbortController();
    const running = dispatcher.run(REQUEST, undefined, { signal: controller.signal });
    controller.abort();
    expect(await running).toMatchObject({ ok: false, error: { kind: 'aborted', cause: { kind: 'aborted' } } });
    expect(outcomesOf(tracker.attempts)).toEqual(['cuda:0 aborted']);
  });

  it('does not start the CPU when the signal is aborted while the GPU fails', async () => {
    const controller = new AbortController();
    const failing: Act = () => {
      controller.abort();
      return fail('fault')();
    };
    const { dispatcher, tracker } = setUp([gpu(failing), cpu()]);
    const result = await dispatcher.run(REQUEST, undefined, { signal: controller.signal });
    expect(result).toMatchObject({ ok: false, error: { kind: 'aborted', cause: { kind: 'fault' } } });
    expect(outcomesOf(tracker.attempts)).toEqual(['cuda:0 fault']);
  });

  it('returns the answer when the signal is aborted after it was computed', async () => {
    const controller = new AbortController();
    const late: Act = (_call, compute) => {
      controller.abort();
      return compute();
    };
    const result = await setUp([cpu(late)]).dispatcher.run(REQUEST, undefined, { signal: controller.signal });
    expect(result).toMatchObject({ ok: true, value: { output: SCORES } });
  });
});
