import { describe, expect, it } from 'vitest';
import { createMatrix, unwrap, type DispatchPolicy } from '@gearshift/contracts';
import { adaptivePolicy, thresholdPolicy } from '@gearshift/policies';
import type { MemoryLimits } from '../src/index.js';
import { inVirtualTime, outcomesOf, twoDevices } from './placement-setup.js';

const DIMENSIONS = 4;
const ROWS = 4096;
const matrixOf = (rows = ROWS) => createMatrix(new Float32Array(rows * DIMENSIONS).fill(1), { dimensions: DIMENSIONS });
const OPERAND_BYTES = ROWS * DIMENSIONS * 4;
const POLICIES: readonly (readonly [string, () => DispatchPolicy])[] = [
  ['adaptive', () => adaptivePolicy()],
  ['threshold', () => thresholdPolicy({ gpuMinBatchSize: 0 })],
];

function setUp(policy: DispatchPolicy, memory: MemoryLimits, totalBytes: number, outsideBytes = 0) {
  const devices = twoDevices({ memory: { totalBytes, outsideBytes: () => outsideBytes } });
  const { attempts, dispatcher } = inVirtualTime([devices.gpu, devices.cpu], { policy, memory });
  return { ...devices, attempts, dispatcher: dispatcher(devices.scheduler) };
}

describe.each(POLICIES)('the %s policy', (_name, policy) => {
  it('sends a request to the CPU at once when the GPU is full of the memory of other programs', async () => {
    const { scheduler, dispatcher, attempts } = setUp(policy(), {}, 1e6, 1e6);
    const matrix = matrixOf();
    await scheduler.run(async () => {
      for (let i = 0; i < 20; i++) {
        const startedAtMs = scheduler.nowMs();
        const query = new Float32Array(DIMENSIONS).fill(1);
        const run = unwrap(await dispatcher.run({ operation: 'top-k', query, matrix, k: 1 }));
        expect(run.decision).toMatchObject({ backend: 'cpu', reason: 'memory' });
        expect(scheduler.nowMs() - startedAtMs).toBeLessThan(11);
      }
    });
    expect(new Set(outcomesOf(attempts))).toEqual(new Set(['cpu success']));
  });

  it('sends a request to the CPU at once when a pinned operand leaves no room below the cap', async () => {
    const { scheduler, dispatcher } = setUp(policy(), { capBytes: OPERAND_BYTES + 8 }, 1e9);
    const matrix = createMatrix(new Float32Array(ROWS * DIMENSIONS).fill(1), {
      dimensions: DIMENSIONS,
      expectedUses: Infinity,
    });
    await scheduler.run(async () => {
      for (let i = 0; i < 40; i++) {
        const startedAtMs = scheduler.nowMs();
        const query = new Float32Array(DIMENSIONS).fill(1);
        unwrap(await dispatcher.run({ operation: 'top-k', query, matrix: i % 2 === 0 ? matrix : matrixOf(), k: 1 }));
        expect(scheduler.nowMs() - startedAtMs).toBeLessThan(100);
      }
    });
  });
});

it('fails at once on a full GPU that has no fallback', async () => {
  const devices = twoDevices({ memory: { totalBytes: 1e6, outsideBytes: () => 1e6 } });
  const { dispatcher: create } = inVirtualTime([devices.gpu], { policy: adaptivePolicy() });
  const dispatcher = create(devices.scheduler);
  const query = new Float32Array(DIMENSIONS).fill(1);
  const result = await devices.scheduler.run(() =>
    dispatcher.run({ operation: 'top-k', query, matrix: matrixOf(), k: 1 }),
  );
  expect(result).toMatchObject({
    ok: false,
    error: { kind: 'out-of-memory', attempts: [], decision: { reason: 'forced' } },
  });
  expect(devices.scheduler.nowMs()).toBe(0);
});

it('waits for memory that another run of the dispatcher holds when the device is fast enough', async () => {
  // The output of a request with resident rows takes all that is left below the cap.
  const { scheduler, dispatcher, attempts } = setUp(
    adaptivePolicy({ explorationShare: 0, explorationStartMs: 1000, explorationCapMs: 1000 }),
    { capBytes: OPERAND_BYTES + 24 },
    1e9,
  );
  const matrix = createMatrix(new Float32Array(ROWS * DIMENSIONS).fill(1), {
    dimensions: DIMENSIONS,
    expectedUses: Infinity,
  });
  const query = new Float32Array(DIMENSIONS).fill(1);
  await scheduler.run(async () => {
    for (let i = 0; i < 30; i++) unwrap(await dispatcher.run({ operation: 'top-k', query, matrix, k: 1 }));
    attempts.length = 0;
    const runs = [1, 2, 3].map(() => dispatcher.run({ operation: 'top-k', query, matrix, k: 1 }));
    for (const run of runs) unwrap(await run);
  });
  expect(outcomesOf(attempts)).toEqual(['gpu:0 success', 'gpu:0 success', 'gpu:0 success']);
});
