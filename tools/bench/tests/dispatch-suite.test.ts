import { expect, it } from 'vitest';
import { adaptivePolicy } from '@gearshift/policies';
import { openFacades } from '../src/dispatch/facade-executors.mjs';
import { createFacadeJobs } from '../src/dispatch/facade-jobs.mjs';
import { SAMPLES, teach, VIEWS, WORKS } from '../src/dispatch/policy-inputs.mjs';
import suite from '../src/suites/dispatch.mjs';

type Answer = Float32Array | { indices: Uint32Array; scores: Float32Array; count: number };

it('measures every goal of the dispatch suite in a quick run', { timeout: 120_000 }, async () => {
  const progress: string[] = [];
  const { tables, goals } = await suite.run({ quick: true, log: (message: string) => progress.push(message) });
  expect(progress.length).toBeGreaterThan(0);
  expect(new Set(goals.map(({ id }) => id))).toEqual(new Set(['D1', 'D4']));
  for (const { target, measured, pass } of goals) {
    const limit = Number(/<= (\d+) ns/.exec(target)?.[1]);
    expect(measured, target).toEqual(expect.any(Number));
    expect(measured, target).not.toBeNaN();
    expect(pass, target).toBe(measured <= limit);
  }
  for (const { columns, rows } of tables) {
    expect(rows.length).toBeGreaterThan(0);
    for (const row of rows) expect(row).toHaveLength(columns.length);
  }
});

it('compares facade and backend calls that give the same answer', async () => {
  const facades = await openFacades();
  const jobs = await createFacadeJobs(facades.cpu, facades.alone);
  for (const job of jobs) {
    for (const direct of Object.values(job.direct)) expect((await direct()).ok, job.name).toBe(true);
    const answers: number[][] = [];
    for (const executor of [facades.alone, facades.besideGpu]) {
      const { sync, async, into } = job.through(executor);
      answers.push(numbersOf(sync()), numbersOf(await async()));
      const result = await into();
      if (!result.ok) throw new Error(result.error.message);
      answers.push(numbersOf(result.value.output));
    }
    for (const [call, answer] of answers.entries()) {
      expect(answer.length).toBe(answers[0].length);
      // The request may have run on the GPU, which adds in another order.
      for (const [i, number] of answer.entries()) expect(number, `${job.name}, ${call}`).toBeCloseTo(answers[0][i], 5);
    }
  }
  await facades.close();
});

it('times decisions between devices that the policy has measured', () => {
  const policy = teach(adaptivePolicy());
  const context = { snapshot: null, strict: false, nowMs: 0.5, remainingMs: Infinity };
  const chosen = WORKS.map((work, i) => {
    const slot = { device: -1, reason: 'no-device', predictedMs: NaN, alternativeMs: NaN, keep: false };
    policy.decide(work, VIEWS.resident[i], context, slot);
    return { device: VIEWS.resident[i][slot.device].kind, isPredicted: slot.predictedMs > 0 };
  });
  expect(SAMPLES).toHaveLength(2 * WORKS.length);
  expect(chosen).toEqual(['cpu', 'cpu', 'gpu', 'gpu'].map((device) => ({ device, isPredicted: true })));
});

function numbersOf(answer: Answer): number[] {
  return 'indices' in answer ? [...answer.indices, ...answer.scores] : [...answer];
}
