import type { AttemptReport } from '@gearshift/contracts';
import { NO_METRICS } from '@gearshift/tracker';
import { describe, expect, it } from 'vitest';
import { CONTENDERS } from '../src/contenders/contenders.js';
import { alwaysCpu, alwaysGpu } from '../src/contenders/always.js';
import { originalAsCoded, originalAsIntended } from '../src/contenders/original.js';
import { simulate } from '../src/simulate.js';
import { createTrace, TRACES } from '../src/traces/create-trace.js';
import type { TraceName } from '../src/traces/trace.js';
import { WORLDS } from '../src/world.js';
import { createZeroMemory } from '../src/zero-memory.js';

const memory = createZeroMemory(1_000_000 * 768);

function traceOf(name: TraceName, requestCount = 300) {
  const definition = TRACES.find((one) => one.name === name);
  if (definition === undefined) throw new Error(`no trace ${name}`);
  return createTrace(definition, WORLDS.hard, 5, memory, requestCount);
}

describe('simulate', () => {
  it('takes exactly the time of the world on one device', async () => {
    const trace = traceOf('T1');
    const { cpuMs, gpuMs, uploadMs } = trace.world;
    const onCpu = await simulate(trace, alwaysCpu);
    const onGpu = await simulate(trace, alwaysGpu);
    for (const { index, shape, rows, bytes, matrix, preloaded, cpuNoise, gpuNoise } of trace.requests) {
      expect(onCpu.latenciesMs[index]).toBeCloseTo(cpuMs(shape, rows) * cpuNoise, 6);
      const movingMs = preloaded ? 0 : uploadMs(bytes) * trace.uploadNoise(matrix.id);
      expect(onGpu.latenciesMs[index]).toBeCloseTo(gpuMs(shape, rows) * gpuNoise + movingMs, 6);
    }
    expect(onGpu).toMatchObject({ failedAttempts: 0, outOfMemory: 0, unanswered: 0 });
  });

  it.each(CONTENDERS)('gives the same result twice for $name and answers every request', async (contender) => {
    for (const name of ['T4', 'T6', 'T7', 'T8'] as const) {
      const trace = traceOf(name);
      const first = await simulate(trace, contender);
      expect(await simulate(trace, contender)).toEqual(first);
      expect(first.unanswered).toBe(0);
      expect(first.latenciesMs.every((ms) => ms > 0 && ms < Infinity)).toBe(true);
    }
  });

  it('counts failed attempts, and those that run out of memory', async () => {
    const failing = await simulate(traceOf('T6'), alwaysGpu);
    expect(failing.failedAttempts).toBeGreaterThan(0);
    expect(failing.outOfMemory).toBe(0);
    const crowded = await simulate(traceOf('T7', 2000), originalAsIntended);
    expect(crowded.failedAttempts).toBeGreaterThanOrEqual(crowded.outOfMemory);
  });

  it('reproduces the first defect of the original: the latency of the GPU is recorded as that of the CPU too', () => {
    const recorded: string[] = [];
    const plain = {
      snapshot: () => NO_METRICS,
      record: ({ device, outcome }: AttemptReport) => void recorded.push(`${device} ${outcome}`),
    };
    const tracker = originalAsCoded.create().trackedBy?.(plain);
    const attempt = { operation: 'top-k', backend: 'gpu:0', latencyMs: 1, fallback: false } as const;
    tracker?.record({ ...attempt, device: 'gpu', outcome: 'success' });
    tracker?.record({ ...attempt, device: 'gpu', outcome: 'fault' });
    tracker?.record({ ...attempt, device: 'cpu', outcome: 'success' });
    expect(recorded).toEqual(['gpu success', 'cpu success', 'gpu fault', 'cpu success']);
    expect(originalAsIntended.create().trackedBy).toBeUndefined();
  });

  it('reproduces the second defect of the original: a GPU rejected for its failures is never tried again', async () => {
    const trace = traceOf('T6', 4000);
    const lastTry = ({ choices }: { choices: readonly string[] }) =>
      choices.findLastIndex((choice) => choice.startsWith('gpu'));
    // Failures begin with the 800th request.
    expect(lastTry(await simulate(trace, originalAsCoded))).toBeLessThan(1000);
  });

  it('makes requests of T8 wait for each other, but not longer than the earlier work', async () => {
    const trace = traceOf('T8');
    const { latenciesMs } = await simulate(trace, alwaysCpu);
    let freeAtMs = 0;
    for (const { index, shape, rows, arrivalMs, cpuNoise } of trace.requests) {
      freeAtMs = Math.max(freeAtMs, arrivalMs) + trace.world.cpuMs(shape, rows) * cpuNoise;
      expect(latenciesMs[index]).toBeCloseTo(freeAtMs - arrivalMs, 6);
    }
  });
});
