import { createFakeGpuBackend, oracleScore, randomValues, type FakeGpuOptions } from '@gearshift/testing';
import { createCpuBackend } from '@gearshift/backend-cpu';
import { unwrap } from '@gearshift/contracts';
import { afterEach, describe, expect, test } from 'vitest';
import { createExecutor, thresholdPolicy, type Executor, type ThresholdPolicyOptions } from '../src/index.js';

/*
 * The eleven tested behaviours of the hybrid executor that this project descends from, under their original names, with
 * a CPU and a GPU. The GPU is a fake: it computes right answers and takes no time.
 */
const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close();
});

async function hybrid(rules: ThresholdPolicyOptions = {}, fake: FakeGpuOptions = {}) {
  const gpu = createFakeGpuBackend(fake);
  const cpu = unwrap(await createCpuBackend());
  open.push(gpu, cpu);
  const executor = await createExecutor({ backends: [gpu, cpu], policy: thresholdPolicy(rules) });
  open.push(executor);
  return { executor, gpu };
}

async function rowsOf(executor: Executor, rows: number, dimensions = 8) {
  return executor.matrix(randomValues(rows * dimensions, rows), { dimensions });
}

/** Runs one request; returns its device and the reason. */
async function decide(executor: Executor, rows: number): Promise<{ device: string; reason: string }> {
  const matrix = await rowsOf(executor, rows);
  const request = { operation: 'cosine-similarity', query: randomValues(8, 1), matrix } as const;
  const { decision } = unwrap(await executor.run(request));
  if (decision === null) throw new Error('nothing was decided');
  const { device, reason } = decision;
  await matrix[Symbol.asyncDispose]();
  return { device, reason };
}

test('capabilities: backends() lists the devices', async () => {
  const { executor } = await hybrid();
  expect(executor.backends().map(({ id, kind }) => [id, kind])).toEqual([
    ['fake:0', 'gpu'],
    ['cpu', 'cpu'],
  ]);
});

describe.each([
  ['the CPU', { forceCpu: true }],
  ['the GPU', { gpuMinBatchSize: 1 }],
])('cosine similarity on %s', (device, rules) => {
  async function similarities(query: number[], rows: number[][]): Promise<Float32Array> {
    const { executor, gpu } = await hybrid(rules);
    const answer = await executor.cosineSimilarity(query, await executor.matrix(rows));
    expect(gpu.calls.filter(({ operation }) => operation === 'cosine-similarity')).toHaveLength(
      device === 'the GPU' ? 1 : 0,
    );
    return answer;
  }

  test('basic: is 1 for parallel rows and the cosine for others', async () => {
    const scores = await similarities(
      [1, 0, 0],
      [
        [1, 0, 0],
        [7, 0, 0],
        [1, 1, 0],
      ],
    );
    expect([...scores.subarray(0, 2)]).toEqual([1, 1]);
    expect(scores[2]).toBeCloseTo(Math.SQRT1_2, 6);
  });

  test('zero query vector: is 0 for every row', async () => {
    expect([
      ...(await similarities(
        [0, 0],
        [
          [1, 0],
          [0, 0],
          [3, -3],
        ],
      )),
    ]).toEqual([0, 0, 0]);
  });

  test('orthogonal: is 0 for orthogonal rows', async () => {
    expect([
      ...(await similarities(
        [1, 0],
        [
          [0, 1],
          [0, -2],
        ],
      )),
    ]).toEqual([0, 0]);
  });

  test('negative: is -1 for opposite rows', async () => {
    expect([
      ...(await similarities(
        [1, 0],
        [
          [-1, 0],
          [-9, 0],
        ],
      )),
    ]).toEqual([-1, -1]);
  });

  test('random: agrees with the oracle for random rows', async () => {
    const { executor } = await hybrid(rules);
    const values = randomValues(500 * 96, 3);
    const query = randomValues(96, 4);
    const scores = await executor.cosineSimilarity(query, await executor.matrix(values, { dimensions: 96 }));
    expect(scores).toHaveLength(500);
    scores.forEach((score, row) => {
      const expected = oracleScore('cosine', query, values.subarray(row * 96, (row + 1) * 96)).score;
      expect(Math.abs(score - expected)).toBeLessThanOrEqual(2 * 96 * 2 ** -24);
    });
  });
});

test('small batch on CPU: fewer rows than the threshold never reach the GPU', async () => {
  const { executor, gpu } = await hybrid();
  expect(await decide(executor, 63)).toEqual({ device: 'cpu', reason: 'too-small' });
  expect(gpu.calls).toHaveLength(0);
  expect(await decide(executor, 64)).toMatchObject({ device: 'gpu' });
});

test('threshold configuration: the policy uses the given batch size, speedup and success rate', async () => {
  const { executor: eager } = await hybrid({ gpuMinBatchSize: 2 });
  expect(await decide(eager, 2)).toMatchObject({ device: 'gpu', reason: 'calibrating' });

  const { executor: fast } = await hybrid({ gpuSpeedupThreshold: 3 });
  fast.tracker.recordCpuLatency('cosine-similarity', 10);
  fast.tracker.recordGpuSuccess('cosine-similarity', 5);
  expect(await decide(fast, 100)).toEqual({ device: 'cpu', reason: 'speedup-low' });

  const { executor: careful } = await hybrid({ gpuSuccessRateThreshold: 0.9 });
  careful.tracker.recordGpuFailure('cosine-similarity');
  expect(await decide(careful, 100)).toEqual({ device: 'cpu', reason: 'success-low' });
  const { executor: patient } = await hybrid({ gpuSuccessRateThreshold: 0 });
  patient.tracker.recordGpuFailure('cosine-similarity');
  expect(await decide(patient, 100)).toMatchObject({ device: 'gpu' });
});

test('force CPU: no request runs on the GPU', async () => {
  const { executor, gpu } = await hybrid({ forceCpu: true });
  for (const rows of [1, 64, 1000]) expect(await decide(executor, rows)).toEqual({ device: 'cpu', reason: 'forced' });
  expect(gpu.calls).toHaveLength(0);
});

test('performance tracking: each attempt counts once, under the device that ran it', async () => {
  const { executor } = await hybrid({ gpuSpeedupThreshold: 0 }, { script: ['success', 'fault', 'success'] });
  const before = executor.snapshot('cosine-similarity');
  expect(before).toMatchObject({ speedup: 0, successRate: 1, oomCount: 0, cpuCount: 0, gpuCount: 0 });

  await decide(executor, 10);
  expect(executor.snapshot('cosine-similarity')).toMatchObject({ cpuCount: 1, gpuCount: 0 });
  await decide(executor, 100);
  expect(executor.snapshot('cosine-similarity')).toMatchObject({ cpuCount: 1, gpuCount: 1, successRate: 1 });
  // Fails on the GPU, so the CPU answers: one failure of the GPU and one success of the CPU.
  const matrix = await rowsOf(executor, 100);
  expect(await executor.cosineSimilarity(randomValues(8, 5), matrix)).toHaveLength(100);
  const after = executor.snapshot('cosine-similarity');
  expect(after).toMatchObject({ cpuCount: 2, oomCount: 0, successRate: 0.5 });
  expect(after.cpuAvgMs).toBeGreaterThan(0);
  expect(executor.snapshot('top-k')).toMatchObject({ cpuCount: 0, gpuCount: 0, oomCount: 0 });
});

test('mixed batch sizes: each request is decided by its own size and answered correctly', async () => {
  const { executor } = await hybrid({ gpuSpeedupThreshold: 0 });
  for (const rows of [1, 5000, 10, 63, 64, 700, 65, 2]) {
    const matrix = await rowsOf(executor, rows);
    const target = rows >> 1;
    const query = matrix.values.slice(target * 8, (target + 1) * 8);
    const completed = unwrap(await executor.run({ operation: 'top-k', query, matrix, k: 2 }));
    expect(completed.decision?.device).toBe(rows < 64 ? 'cpu' : 'gpu');
    expect(completed.output.indices[0]).toBe(target);
    expect(completed.output.count).toBe(Math.min(2, rows));
  }
});
