import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createCpuBackend } from '@gearshift/backend-cpu';
import { createCudaBackend } from '@gearshift/backend-cuda';
import { unwrap, type AttemptEvent } from '@gearshift/contracts';
import { randomValues } from '@gearshift/testing';
import { createExecutor, pinnedPolicy, type Executor, type ExecutorOptions } from 'gearshift';
import { afterAll, describe, expect, test } from 'vitest';
import { lacksSimulator, simulator } from './simulated-driver.js';

// The facade with a CPU and a CUDA backend, on the simulated driver. The last test loses the device for good.

const DIMENSIONS = 64;
const MIB = 2 ** 20;

async function createWithBoth(options: Omit<ExecutorOptions, 'backends'> = {}): Promise<Executor> {
  return createExecutor({
    // A simulated device on a busy machine is as slow as others that hang.
    hangLimits: { unpredictedMs: 100_000 },
    ...options,
    backends: [unwrap(await createCudaBackend()), unwrap(await createCpuBackend())],
  });
}

async function onCpu(query: Float32Array, values: Float32Array): Promise<Float32Array> {
  const executor = await createExecutor({ backends: ['cpu'] });
  const matrix = await executor.matrix(values, { dimensions: DIMENSIONS });
  const scores = await executor.cosineSimilarity(query, matrix);
  await executor.close();
  return scores;
}

function expectSame(scores: Float32Array, expected: Float32Array): void {
  expect(scores.length).toBe(expected.length);
  let worst = 0;
  for (let i = 0; i < scores.length; i++) worst = Math.max(worst, Math.abs(scores[i] - expected[i]));
  expect(worst).toBeLessThan(2 * DIMENSIONS * 2 ** -24);
}

describe.skipIf(simulator === null)(`facade with a CPU and a CUDA backend${lacksSimulator}`, () => {
  const get: NonNullable<typeof simulator>['get'] = (name) => simulator?.get(name) ?? 0;
  const set: NonNullable<typeof simulator>['set'] = (name, value) => simulator?.set(name, value);

  afterAll(() => {
    expect([get('misuses'), get('undefined')]).toEqual([0, 0]);
  });

  test('decides each request individually, and reports where it ran and why', async () => {
    const executor = await createWithBoth();
    const values = randomValues(3000 * DIMENSIONS, 1);
    const matrix = await executor.matrix(values, { dimensions: DIMENSIONS });
    const small = await executor.matrix(randomValues(20 * DIMENSIONS, 2), { dimensions: DIMENSIONS });
    const devices = new Set<string>();
    for (let i = 0; i < 60; i++) {
      const queries = i % 3 === 0 ? 8 : 1;
      const query = randomValues(DIMENSIONS * queries, 10 + i);
      const operand = i % 2 === 0 ? matrix : small;
      const result = await executor.run({ operation: 'top-k', query, queries, matrix: operand, k: 5 });
      const { decision, attempts } = unwrap(result);
      expect(decision?.reason).toBeTypeOf('string');
      for (const { backend } of attempts) devices.add(backend);
    }
    // The simulated device is slow, so the CPU does most of the requests; the policy needs at least one attempt to learn that.
    expect([...devices].sort()).toContain('cpu');
    expect(executor.backends().map(({ id }) => id)).toEqual(['cuda:0', 'cpu']);
    await executor.close();
  });

  test(
    'splits a request with a matrix that is larger than the device, without losing a row',
    { timeout: 120_000 },
    async () => {
      set('memory_bytes', 64 * MIB);
      const rows = 330_000; // 81 MiB
      const values = new Float32Array(rows * DIMENSIONS);
      for (let i = 0; i < values.length; i++) values[i] = ((i * 2_654_435_761) % 1000) / 1000 - 0.5;
      const query = randomValues(DIMENSIONS, 3);
      const executor = await createWithBoth({ policy: pinnedPolicy('cuda:0') });
      const matrix = await executor.matrix(values, { dimensions: DIMENSIONS });
      const result = unwrap(await executor.run({ operation: 'cosine-similarity', query, matrix }));
      expect(result.attempts.length).toBeGreaterThan(1);
      const backends = result.attempts.map(({ backend, outcome }) => `${backend} ${outcome}`);
      expect(
        backends.filter((each) => !each.startsWith('cuda:0 ')),
        backends.join(', '),
      ).toEqual([]);
      expect(get('peak_bytes')).toBeLessThanOrEqual(64 * MIB);
      expectSame(result.output, await onCpu(query, values));
      await executor.close();
      set('memory_bytes', 256 * MIB);
    },
  );

  test('answers every row when the device is lost during a split request', { timeout: 120_000 }, async () => {
    set('memory_bytes', 4 * MIB);
    const values = randomValues(60_000 * DIMENSIONS, 4); // 15 MiB: several pieces
    const query = randomValues(DIMENSIONS, 5);
    const executor = await createWithBoth({ policy: pinnedPolicy('cuda:0') });
    const matrix = await executor.matrix(values, { dimensions: DIMENSIONS });
    // As soon as a piece is finished, and before the others are.
    const vanish = (event: unknown) => {
      if ((event as AttemptEvent).result?.outcome === 'success') set('vanish_call', 1);
    };
    subscribe('tracing:gearshift:attempt:asyncEnd', vanish);
    const result = unwrap(await executor.run({ operation: 'cosine-similarity', query, matrix }));
    unsubscribe('tracing:gearshift:attempt:asyncEnd', vanish);
    const outcomes = result.attempts.map(({ backend, outcome }) => `${backend} ${outcome}`);
    expect(outcomes, outcomes.join(', ')).toContain('cuda:0 success');
    expect(outcomes).toContain('cuda:0 device-lost');
    expect(outcomes.at(-1)).toBe('cpu success');
    expectSame(result.output, await onCpu(query, values));
    await executor.close();
  });
});
