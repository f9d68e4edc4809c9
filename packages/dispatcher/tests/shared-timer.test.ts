import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { NODE_TIMERS } from '@gearshift/splitter/engine';
import { createManualClock } from '@gearshift/testing';
import { SharedTimer } from '../src/attempts/shared-timer.js';
import { manualTimers } from './manual-timers.js';

describe('SharedTimer', () => {
  it('has one timer for any number of limits, and none once the last one has fired', async () => {
    const clock = createManualClock();
    const timers = manualTimers(clock);
    const shared = new SharedTimer(timers, clock.nowMs);
    const overdue: number[] = [];
    const limits = Array.from({ length: 100 }, (_, i) => shared.after(50 + i, () => void overdue.push(i)));
    await setImmediate();
    expect([timers.pending(), timers.set()]).toEqual([1, 1]);
    for (const limit of limits.slice(0, 98)) shared.cancel(limit);
    for (let i = 0; i < 200; i++) {
      clock.advance(1);
      await setImmediate();
    }
    expect(overdue).toEqual([98, 99]);
    expect(timers.pending()).toBe(0);
  });

  it('sets its timer again for a limit that is due earlier, and cancels the old one', async () => {
    const clock = createManualClock();
    const timers = manualTimers(clock);
    const shared = new SharedTimer(timers, clock.nowMs);
    const overdue: string[] = [];
    const slow = shared.after(1000, () => void overdue.push('slow'));
    shared.after(10, () => void overdue.push('fast'));
    shared.after(5, () => {
      shared.cancel(slow);
      overdue.push('slow, given up early');
    });
    await setImmediate();
    expect([timers.pending(), timers.set()]).toEqual([1, 3]);
    for (let i = 0; i < 12; i++) {
      clock.advance(1);
      await setImmediate();
    }
    expect(overdue).toEqual(['slow, given up early']);
  });

  it('gives a limit one more turn when it is overdue because the event loop was blocked', async () => {
    const clock = createManualClock();
    const shared = new SharedTimer(manualTimers(clock), clock.nowMs);
    const overdue: string[] = [];
    const limit = shared.after(50, () => void overdue.push('first'));
    clock.advance(10_000);
    await setImmediate();
    expect(overdue).toEqual([]);
    shared.cancel(limit);
    clock.advance(10_000);
    await setImmediate();
    expect(overdue).toEqual([]);
  });

  it('works with the timers of Node, and leaves none behind that keeps the process alive', async () => {
    const shared = new SharedTimer(NODE_TIMERS, () => performance.now());
    const before = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const limit = shared.after(60_000, () => {});
    const during = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    shared.cancel(limit);
    const after = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    expect([during - before, after - before]).toEqual([1, 0]);
    await new Promise<void>((resolve) => shared.after(1, resolve));
  });
});
