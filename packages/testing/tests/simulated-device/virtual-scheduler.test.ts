import { describe, expect, it } from 'vitest';
import { createVirtualScheduler } from '../../src/simulated-device/index.js';

describe('createVirtualScheduler', () => {
  it('runs events by time, and events of the same time in the order of their calls', async () => {
    const scheduler = createVirtualScheduler();
    const seen: string[] = [];
    await scheduler.run(async () => {
      for (const [delayMs, name] of [
        [5, 'e'],
        [1, 'a'],
        [3, 'c'],
        [1, 'b'],
        [4, 'd'],
        [5, 'f'],
      ] as const) {
        scheduler.after(delayMs, () => seen.push(`${name}${scheduler.nowMs()}`));
      }
      await scheduler.sleep(10);
    });
    expect(seen).toEqual(['a1', 'b1', 'c3', 'd4', 'e5', 'f5']);
    expect(scheduler.nowMs()).toBe(10);
  });

  it('keeps the order of any number of events at random times', async () => {
    const scheduler = createVirtualScheduler();
    const seen: number[] = [];
    await scheduler.run(async () => {
      for (let i = 0; i < 500; i++) {
        const delayMs = (i * 7919) % 101;
        scheduler.after(delayMs, () => seen.push(delayMs * 1000 + i));
      }
      await scheduler.sleep(101);
    });
    expect(seen).toHaveLength(500);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  });

  it('runs all code that awaits an event before the next event', async () => {
    const scheduler = createVirtualScheduler();
    const seen: string[] = [];
    await scheduler.run(async () => {
      const reacting = (async () => {
        await scheduler.sleep(1);
        for (let hop = 0; hop < 1000; hop++) await Promise.resolve();
        await Promise.resolve();
        seen.push(`reacted at ${scheduler.nowMs()}`);
      })();
      scheduler.after(2, () => seen.push('next event'));
      await reacting;
      await scheduler.sleep(5);
    });
    expect(seen).toEqual(['reacted at 1', 'next event']);
  });

  it('does not run a cancelled event', async () => {
    const scheduler = createVirtualScheduler();
    let happened = 0;
    await scheduler.run(async () => {
      const timer = scheduler.after(1, () => happened++);
      scheduler.after(1, () => happened++);
      scheduler.cancel(timer);
      await scheduler.sleep(2);
    });
    expect(happened).toBe(1);
  });

  it('continues at the time at which the last run ended', async () => {
    const scheduler = createVirtualScheduler();
    await scheduler.run(() => scheduler.sleep(3));
    await scheduler.run(() => scheduler.sleep(4));
    expect(scheduler.nowMs()).toBe(7);
  });

  it('returns the result or the error of the task', async () => {
    const scheduler = createVirtualScheduler();
    expect(await scheduler.run(async () => 42)).toBe(42);
    await expect(scheduler.run(() => Promise.reject(new Error('mine')))).rejects.toThrow('mine');
    const failing = scheduler.run(async () => {
      scheduler.after(1, () => {
        throw new Error('of the event');
      });
      await scheduler.sleep(2);
    });
    await expect(failing).rejects.toThrow('of the event');
  });

  it('rejects when a task waits but no event is left', async () => {
    const scheduler = createVirtualScheduler();
    await expect(scheduler.run(() => scheduler.sleep(Infinity))).rejects.toThrow('nothing is left to happen');
    await expect(scheduler.run(() => new Promise(() => {}))).rejects.toThrow('nothing is left to happen at 0 ms');
  });

  it('refuses a second concurrent task and invalid delays', async () => {
    const scheduler = createVirtualScheduler();
    await scheduler.run(async () => {
      await expect(scheduler.run(async () => {})).rejects.toThrow('a second one');
    });
    for (const delayMs of [-1, NaN]) expect(() => scheduler.after(delayMs, () => {})).toThrow(RangeError);
  });
});
