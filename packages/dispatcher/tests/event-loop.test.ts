import { describe, expect, it } from 'vitest';
import { unwrap, type PartialAnswer } from '@gearshift/contracts';
import { cpu, fail, gpu, REQUEST, setUp } from './dispatch-setup.js';

/** Awaits the action again and again until a timer has fired several times. */
async function expectTimersFire(action: () => Promise<unknown>): Promise<void> {
  const startedMs = performance.now();
  let ticks = 0;
  const timer = setInterval(() => (ticks += 1), 1);
  try {
    while (ticks < 5) {
      await action();
      if (performance.now() - startedMs > 5000) throw new Error('the event loop did not turn');
    }
  } finally {
    clearInterval(timer);
  }
}

describe('timers fire while a program awaits one after the other of', () => {
  const { dispatcher } = setUp([cpu()], { clock: undefined });
  const several = setUp([gpu(), cpu()], { clock: undefined }).dispatcher;
  const failing = setUp([cpu(fail('fault'))], { clock: undefined }).dispatcher;
  const partial: PartialAnswer = {
    output: new Float32Array(3),
    done: [{ start: 0, end: 1 }],
    remaining: [{ start: 1, end: 3 }],
    attempts: [],
    operation: 'cosine-similarity',
    operand: { id: REQUEST.matrix.id, version: REQUEST.matrix.version },
  };

  it.each<[string, () => Promise<unknown>]>([
    ['requests on a CPU', () => dispatcher.run(REQUEST)],
    ['requests on a GPU', () => several.run(REQUEST)],
    [
      'requests with a signal and a deadline',
      () => dispatcher.run(REQUEST, undefined, { signal: AbortSignal.timeout(500), deadlineMs: 1000 }),
    ],
    ['requests that fail', () => failing.run(REQUEST)],
    ['requests that are wrong', () => dispatcher.run({ ...REQUEST, query: new Float32Array(3) }).catch(() => null)],
    ['requests without an answer', () => dispatcher.run({ ...REQUEST, start: 0, end: 0 })],
    ['requests that continue', () => dispatcher.resume(REQUEST, partial)],
    ['requests that were aborted before', () => dispatcher.run(REQUEST, undefined, { signal: AbortSignal.abort() })],
  ])('%s', async (_what, action) => {
    await expectTimersFire(action);
  });
});

it('answers a request alone in the turn of the event loop in which it was made', async () => {
  const { dispatcher } = setUp([cpu()], { clock: undefined });
  for (let i = 0; i < 10; i++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    let hasTurned = false;
    setImmediate(() => (hasTurned = true));
    unwrap(await dispatcher.run(REQUEST));
    expect(hasTurned).toBe(false);
  }
});
