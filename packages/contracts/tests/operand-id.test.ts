import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { nextOperandId } from '../src/operand-id.js';

test('operand ids are unique across the threads of a process without shared memory', async () => {
  const workers = Array.from({ length: 4 }, () => new Worker(new URL('operand-id-worker.mjs', import.meta.url)));
  const answers = await Promise.all(workers.map(async (worker) => (await once(worker, 'message')) as [number[]]));
  const ids = [...answers.flatMap(([issued]) => issued), ...Array.from({ length: 1000 }, nextOperandId)];
  expect(new Set(ids).size).toBe(5000);
  expect(ids.every((id) => Number.isSafeInteger(id) && id > 0)).toBe(true);
  await Promise.all(workers.map((worker) => worker.terminate()));
});
