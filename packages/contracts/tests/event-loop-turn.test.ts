import { expect, it } from 'vitest';
import { isTurnDue, nextTurn } from '../src/internal.js';

const busy = (ms: number) => {
  const untilMs = performance.now() + ms;
  while (performance.now() < untilMs);
};

it('says that a turn of the event loop is due only after a few milliseconds without one', async () => {
  await nextTurn();
  busy(5);
  // The first look after a while sets the mark.
  const atOnce = [isTurnDue(), isTurnDue()];
  busy(5);
  const later = [isTurnDue(), isTurnDue()];
  await nextTurn();
  const afterATurn = isTurnDue();
  expect({ atOnce, later, afterATurn }).toEqual({ atOnce: [false, false], later: [true, true], afterATurn: false });
});
