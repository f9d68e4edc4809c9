import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { isTurnDue, nextTurn } from '../src/internal.js';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

it('says that a turn of the event loop is due only after a few milliseconds without one', async () => {
  await nextTurn();
  vi.advanceTimersByTime(5);
  // The first look after a while sets the mark.
  const atOnce = [isTurnDue(), isTurnDue()];
  vi.advanceTimersByTime(5);
  const later = [isTurnDue(), isTurnDue()];
  await nextTurn();
  const afterATurn = isTurnDue();
  expect({ atOnce, later, afterATurn }).toEqual({ atOnce: [false, false], later: [true, true], afterATurn: false });
});
