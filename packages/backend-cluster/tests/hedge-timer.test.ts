import { expect, test } from 'vitest';
import type { Clock } from '../src/clock.js';
import { HedgeTimer } from '../src/queries/hedge-timer.js';
import { ManualClock } from '../src/transport/in-memory/manual-clock.js';

/** Three parts, of which each is late every so many milliseconds, and a count of the timers. */
function begin(everyMs: readonly number[]) {
  const manual = new ManualClock();
  let timers = 0;
  const clock: Clock = {
    nowMs: () => manual.nowMs(),
    startTimer: (delayMs, callback) => {
      timers += 1;
      return manual.startTimer(delayMs, callback);
    },
  };
  const late: string[] = [];
  const parts: { dueAtMs: number; isLate(): void }[] = [];
  const timer = new HedgeTimer(clock, parts);
  const wait = (part: number) => timer.set((parts[part].dueAtMs = clock.nowMs() + everyMs[part]));
  for (let part = 0; part < everyMs.length; part++) {
    const isLate = () => {
      late.push(`${part} at ${clock.nowMs()}`);
      wait(part);
    };
    parts.push({ dueAtMs: Infinity, isLate });
    wait(part);
  }
  return { manual, parts, timer, late, timers: () => timers };
}

test('each part is late at its time, and again when it waits again', async () => {
  const { manual, late } = begin([7, 5, 12]);
  await manual.advance(15);
  expect(late).toEqual(['1 at 5', '0 at 7', '1 at 10', '2 at 12', '0 at 14', '1 at 15']);
});

test('parts that are late together take one timer', async () => {
  const { manual, late, timers } = begin(Array.from({ length: 100 }, () => 5));
  expect(timers()).toBe(1);
  await manual.advance(5);
  expect(late).toHaveLength(100);
  expect(timers()).toBe(2);
});

test('a part with nothing more to do is never late, nor is any after the end', async () => {
  const { manual, parts, timer, late } = begin([5, 6]);
  parts[0].dueAtMs = Infinity;
  await manual.advance(7);
  expect(late).toEqual(['1 at 6']);
  timer.stop();
  await manual.advance(100);
  expect(late).toEqual(['1 at 6']);
});
