import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, it } from 'vitest';
import { CHANNELS, ok, unwrap, type Backend, type DispatchPolicy, type TopKOutput } from '@gearshift/contracts';
import { adaptivePolicy } from '@gearshift/policies';
import { cpu, gpu, matrix, outcomesOf, REQUEST, SCORES, setUp } from './dispatch-setup.js';
import { scriptedPolicy } from './placement-setup.js';
import { PHASES } from './scripted-backend.js';

function revoked(target: object = {}): object {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

const fails = (): never => {
  throw new TypeError('getter');
};

/** Values that no backend should throw or return, by a name for the title of a test. */
const STRANGE: readonly (readonly [string, unknown])[] = [
  ['null', null],
  ['undefined', undefined],
  ['5', 5],
  ['a text', 'text'],
  ['a symbol', Symbol('s')],
  ['a bigint', 5n],
  ['{}', {}],
  ['{ ok: true }', { ok: true }],
  ['{ ok: false }', { ok: false }],
  ['{ ok: true, value: null }', { ok: true, value: null }],
  ['{ ok: false, error: null }', { ok: false, error: null }],
  ['a revoked proxy', revoked()],
  ['a revoked function', revoked(() => {})],
  ['an answer with a revoked value', { ok: true, value: revoked() }],
  ['an error with a message that is a symbol', Object.assign(new Error(), { message: Symbol('m') })],
  ['an error with a name that is a symbol', Object.assign(new Error(), { name: Symbol('n') })],
  ['an error with a getter that throws', Object.defineProperty(new Error(), 'message', { get: fails })],
  ['an error that cannot become a text', Object.assign(new Error(), { message: { toString: fails } })],
  ['an object that cannot become a text', { toString: fails, [Symbol.toPrimitive]: fails }],
  ['an answer with a getter that throws', Object.defineProperty({}, 'ok', { get: fails })],
  ['an answer with a kind that throws', { ok: false, error: Object.defineProperty({}, 'kind', { get: fails }) }],
  ['an error with a message that throws', { ok: false, error: { kind: 'fault', message: { toString: fails } } }],
  ['a promise-like with a getter that throws', Object.defineProperty({}, 'then', { get: fails })],
];

async function expectRightAnswer(backend: Backend, options: Parameters<typeof setUp>[1] = {}) {
  const { dispatcher, tracker } = setUp([backend, cpu()], options);
  const run = unwrap(await dispatcher.run(REQUEST));
  expect([...run.output].map((score, i) => Math.abs(score - SCORES[i]) < 1e-6)).toEqual([true, true, true]);
  // It can be sent to another thread and stored.
  structuredClone(run);
  return { outcomes: outcomesOf(tracker.attempts), run };
}

describe.each(STRANGE)('a device with %s', (_name, value) => {
  it('as its answer is left for the CPU', async () => {
    const { outcomes } = await expectRightAnswer(gpu(() => value));
    expect(outcomes).toEqual([expect.stringMatching(/^cuda:0 (invalid-result|fault)$/), '+cpu success']);
  });

  it('as what it throws is left for the CPU, with a description', async () => {
    const throwing = gpu(() => {
      throw value;
    });
    const { outcomes, run } = await expectRightAnswer(throwing);
    expect(outcomes).toEqual(['cuda:0 fault', '+cpu success']);
    expect(run.attempts[0].error?.message).toMatch(/^cuda:0: it threw ./);
  });

  it('as the answer of makeResident(), or as what that throws, runs the request all the same', async () => {
    for (const makeResident of [
      () => value,
      async () => value,
      async () => {
        throw value;
      },
      () => fails(),
    ]) {
      const { policy } = scriptedPolicy((out) => {
        out.keep = true;
      });
      const device = { ...gpu(), makeResident } as unknown as Backend;
      const { run } = await expectRightAnswer(device, { policy });
      expect(run.attempts.at(-1)?.outcome).toBe('success');
    }
  });

  it('as its residency, its memory and its support of a request is left or used without an error', async () => {
    for (const policy of [adaptivePolicy(), scriptedPolicy().policy]) {
      const device = {
        ...gpu(),
        residency: () => value,
        memory: () => value,
        makeResident: async () => ok(PHASES),
        release: () => value,
      } as unknown as Backend;
      await expectRightAnswer(device, { policy });
      await expectRightAnswer({ ...gpu(), supports: () => value } as unknown as Backend, { policy });
    }
  });

  it('as a phase of its answer is believed, without the phase', async () => {
    for (const phase of ['queueMs', 'uploadMs', 'kernelMs', 'downloadMs', 'networkMs', 'fused']) {
      const policy = scriptedPolicy();
      const device = gpu((_call, compute) => {
        unwrap(compute());
        return ok({ ...PHASES, fused: false, [phase]: value });
      });
      await expectRightAnswer(device, { policy: policy.policy });
      for (const { attempt } of policy.samples) {
        for (const number of Object.values({ ...attempt.phases, fused: 0 })) expect(number).toBeGreaterThanOrEqual(0);
      }
    }
  });
});

it('reports an error that another thread can read when a backend puts strange values into its error', async () => {
  const error = { kind: 'fault', message: 5, nativeCode: () => 1, requestedBytes: Symbol('b'), freeBytes: 'many' };
  const { run } = await expectRightAnswer(gpu(() => ({ ok: false, error })));
  expect(run.attempts[0].error).toEqual({ kind: 'fault', message: '5', backend: 'cuda:0' });
});

describe('a device that takes its output away', () => {
  it.each([
    [
      'transfers the memory',
      (output: Float32Array) => structuredClone(output.buffer, { transfer: [output.buffer as ArrayBuffer] }),
    ],
  ])('is left for the CPU when it %s of an array', async (_what, spoil) => {
    const spoiling = gpu((_call, compute, _signal, output) => {
      const answer = compute();
      spoil(output as Float32Array);
      return answer;
    });
    const { outcomes } = await expectRightAnswer(spoiling);
    expect(outcomes).toEqual(['cuda:0 invalid-result', '+cpu success']);
  });

  it.each([
    [
      'transfers its memory',
      (output: TopKOutput) =>
        void structuredClone(output.indices.buffer, { transfer: [output.indices.buffer as ArrayBuffer] }),
    ],
    ['replaces its indices', (output: TopKOutput) => void Object.assign(output, { indices: null })],
    ['replaces its scores', (output: TopKOutput) => void Object.assign(output, { scores: new Float32Array(1) })],
    ['freezes it without a count', (output: TopKOutput) => void Object.freeze(Object.assign(output, { count: NaN }))],
  ])('is left for the CPU when it %s of a ranking', async (_what, spoil) => {
    const spoiling = gpu((_call, compute, _signal, output) => {
      const answer = compute();
      spoil(output as TopKOutput);
      return answer;
    });
    const { dispatcher, tracker } = setUp([spoiling, cpu()]);
    const run = unwrap(await dispatcher.run({ ...REQUEST, operation: 'top-k', k: 2 }));
    expect([...run.output.indices]).toEqual([0, 2]);
    expect(outcomesOf(tracker.attempts)).toEqual(['cuda:0 invalid-result', '+cpu success']);
  });
});

it('records a latency of 0 when the clock of the caller goes back', async () => {
  let nowMs = 1e6;
  const { dispatcher, tracker } = setUp([cpu()], { clock: () => (nowMs -= 10) });
  unwrap(await dispatcher.run(REQUEST));
  expect(tracker.attempts[0].latencyMs).toBe(0);
});

it('answers requests although a subscriber of its channels throws', async () => {
  const errors: unknown[] = [];
  const onError = (error: unknown) => void errors.push(error);
  const listeners = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', onError);
  subscribe(CHANNELS.decision, fails);
  try {
    await expectRightAnswer(gpu());
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    unsubscribe(CHANNELS.decision, fails);
    process.removeListener('uncaughtException', onError);
    for (const listener of listeners) process.on('uncaughtException', listener);
  }
  // Node reports what a subscriber throws as an uncaught error of the process.
  expect(errors.length).toBeGreaterThan(0);
});

it('releases an operand on every device although one of them throws', () => {
  const released: string[] = [];
  const throwing: Backend = { ...cpu(), release: fails };
  const other: Backend = { ...gpu(), release: () => void released.push('cuda:0') };
  const { dispatcher } = setUp([throwing, other]);
  dispatcher.release(matrix);
  expect(released).toEqual(['cuda:0']);
});

it('passes on what a policy throws, and answers the next request', async () => {
  let isBroken = true;
  const { policy } = scriptedPolicy();
  const breaking: DispatchPolicy = {
    ...policy,
    observe() {
      if (isBroken) throw new Error('policy');
    },
  };
  const { dispatcher } = setUp([gpu(), cpu()], { policy: breaking });
  await expect(dispatcher.run(REQUEST)).rejects.toThrow('policy');
  isBroken = false;
  unwrap(await dispatcher.run(REQUEST));
  expect(dispatcher.snapshot('cosine-similarity').devices.map(({ queueLength }) => queueLength)).toEqual([0, 0]);
});
