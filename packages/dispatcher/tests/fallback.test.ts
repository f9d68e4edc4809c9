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
import { matrix, REQUEST, SCORES, gpu, cpu, fail, setUp, told } from './dispatch-setup.js';
import { PHASES, scriptedBackend, type Act } from './scripted-backend.js';

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
          'no device succeeded after cuda:0: device-lost (scripted device-lost); cpu: out-of-memory (scripted out-of-memory); cpu: out-of-memory (scripted out-of-memory)',
        decision: { backend: 'cuda:0', reason: 'calibrating' },
        cause: { kind: 'out-of-memory', backend: 'cpu' },
      },
    });
    expect(!result.ok && result.error.attempts).toEqual(tracker.attempts);
    // The CPU tries smaller chunks too before it gives up.
    expect(told(tracker.attempts)).toEqual(['cuda:0 device-lost', '+cpu out-of-memory', '+cpu out-of-memory']);
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
