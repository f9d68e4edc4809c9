import { expect, test } from 'vitest';
import { runJob } from '../src/index.js';

type Done = (status: number, detail: string) => void;

function fakeAddon() {
  const cancelled: number[] = [];
  const started: Done[] = [];
  const start = (done: Done) => started.push(done);
  return { addon: { cancel: (job: number) => void cancelled.push(job) }, cancelled, started, start };
}

test('runJob returns the report with all fields that the addon adds to the status', async () => {
  const { addon, started, start } = fakeAddon();
  const running = runJob(addon, start, undefined);
  started[0](0, 'detail');
  expect(await running).toEqual([0, 'detail']);
});

test('an abort cancels a running job by its number, and has no effect on an ended job', async () => {
  const { addon, cancelled, started, start } = fakeAddon();
  const controller = new AbortController();
  const running = [runJob(addon, start, controller.signal), runJob(addon, start, controller.signal)];
  started[0](0, '');
  await running[0];
  controller.abort();
  expect(cancelled).toEqual([2]);
  started[1](-2, '');
  expect(await running[1]).toEqual([-2, '']);
});

test('runJob returns the status of a job that is not started and never cancels it', async () => {
  const { addon, cancelled } = fakeAddon();
  const controller = new AbortController();
  expect(await runJob(addon, () => -12, controller.signal)).toEqual([-12]);
  controller.abort();
  expect(cancelled).toEqual([]);
});
