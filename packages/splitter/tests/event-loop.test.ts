import { describe, it } from 'vitest';
import { err, ok } from '@gearshift/contracts';
import { processInChunks, resume, runRanges } from '../src/index.js';

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

describe('timers fire while a program awaits', () => {
  const items = [1, 2, 3];
  const partial = {
    output: [1, undefined, undefined],
    total: 3,
    done: [{ start: 0, end: 1 }],
    remaining: [{ start: 1, end: 3 }],
    attempts: [],
    attemptCount: 0,
    operands: [],
  };

  it.each<[string, () => Promise<unknown>]>([
    ['one run after the other', () => processInChunks(items, {}, (chunk) => ok(chunk))],
    ['one run without items after the other', () => processInChunks<number, number>([], {}, (chunk) => ok(chunk))],
    ['one range after the other', () => runRanges(3, { chunkTimeoutMs: Infinity }, () => ok(null))],
    ['one failed run after the other', () => runRanges(3, {}, () => err('failed'))],
    ['one resumed run after the other', () => resume(partial, items, {}, (chunk: number[]) => ok(chunk))],
  ])('%s', async (_what, action) => {
    await expectTimersFire(action);
  });

  it('a run with many chunks that a function does at once', async () => {
    const startedMs = performance.now();
    let ticks = 0;
    const timer = setInterval(() => (ticks += 1), 1);
    const controller = new AbortController();
    await runRanges(1e9, { maxChunkItems: 1, signal: controller.signal, concurrency: 3 }, () => {
      if (ticks >= 5) controller.abort();
      if (performance.now() - startedMs > 5000) throw new Error('the event loop did not turn');
      return ok(null);
    }).then(({ ok: isOk }) => {
      if (isOk || !controller.signal.aborted) throw new Error('the event loop did not turn');
    });
    clearInterval(timer);
  });
});
