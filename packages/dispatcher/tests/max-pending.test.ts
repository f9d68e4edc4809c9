import { ok, type PhaseTimes } from '@gearshift/contracts';
import { pinnedPolicy } from '@gearshift/policies';
import { createTracker } from '@gearshift/tracker';
import { describe, expect, it } from 'vitest';
import { createDispatcher } from '../src/index.js';
import { cpu, REQUEST } from './dispatch-setup.js';

const TIMES: PhaseTimes = { queueMs: 0, uploadMs: 0, kernelMs: 1, downloadMs: 0, totalMs: 1, fused: true };

/** A dispatcher with a CPU that answers when it is allowed to. */
function slowDispatcher(maxPending?: number, times: PhaseTimes = TIMES) {
  const waiting: (() => void)[] = [];
  const backend = {
    ...cpu(),
    async cosineSimilarity() {
      await new Promise<void>((resolve) => waiting.push(resolve));
      return ok(times);
    },
  };
  const options = { backends: [backend], policy: pinnedPolicy('cpu'), tracker: createTracker() };
  const dispatcher = createDispatcher({ ...options, ...(maxPending === undefined ? {} : { maxPending }) });
  const counts = () => dispatcher.snapshot('cosine-similarity').requests;
  const answerAll = () => waiting.splice(0).forEach((resolve) => resolve());
  return { dispatcher, counts, answerAll };
}

describe('maxPending', () => {
  it('refuses the requests above it at once, and admits others as soon as one has ended', async () => {
    const { dispatcher, counts, answerAll } = slowDispatcher(2);
    const first = [dispatcher.run(REQUEST), dispatcher.run(REQUEST)];
    const refused = await dispatcher.run(REQUEST);
    expect(refused).toMatchObject({ ok: false, error: { kind: 'overloaded', attempts: [], partial: null } });
    expect(refused.ok || refused.error.message).toContain('maxPending');
    expect(counts()).toEqual({ pending: 2, refused: 1, merged: 0 });
    answerAll();
    expect((await Promise.all(first)).every(({ ok }) => ok)).toBe(true);
    expect(counts()).toEqual({ pending: 0, refused: 1, merged: 0 });
    const next = dispatcher.run(REQUEST);
    answerAll();
    expect((await next).ok).toBe(true);
  });

  it('is unlimited by default, and can be changed', async () => {
    const { dispatcher, counts, answerAll } = slowDispatcher();
    const running = Array.from({ length: 200 }, () => dispatcher.run(REQUEST));
    expect(counts().pending).toBe(200);
    dispatcher.updateOptions({ maxPending: 200 });
    expect((await dispatcher.run(REQUEST)).ok).toBe(false);
    dispatcher.updateOptions({ maxPending: 201 });
    running.push(dispatcher.run(REQUEST));
    answerAll();
    expect((await Promise.all(running)).every(({ ok }) => ok)).toBe(true);
  });

  it('does not count a request with wrong arguments', async () => {
    const { dispatcher, counts } = slowDispatcher(1);
    await expect(dispatcher.run({ ...REQUEST, query: new Float32Array(7) })).rejects.toThrow(RangeError);
    expect(counts()).toEqual({ pending: 0, refused: 0, merged: 0 });
  });

  it.each([0, -1, 1.5, NaN, '3'])('refuses %o', (maxPending) => {
    expect(() => slowDispatcher(maxPending as number)).toThrow('maxPending: expected an integer of at least 1');
  });
});

it('counts the requests that a pass answered together with others', async () => {
  const { dispatcher, counts, answerAll } = slowDispatcher(undefined, { ...TIMES, mergedRequests: 3 });
  const running = dispatcher.run(REQUEST);
  answerAll();
  expect((await running).ok).toBe(true);
  expect(counts()).toEqual({ pending: 0, refused: 0, merged: 1 });
});
