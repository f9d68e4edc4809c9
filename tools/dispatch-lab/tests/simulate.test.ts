import { expect, it, describe } from 'vitest';
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
  it('takes on one device exactly what the world says it takes there', async () => {
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

  it.each(CONTENDERS)('$name is simulated the same way twice and answers everything', async (contender) => {
    for (const name of ['T4', 'T6', 'T7', 'T8'] as const) {
      const trace = traceOf(name);
      const first = await simulate(trace, contender);
      expect(await simulate(trace, contender)).toEqual(first);
      expect(first.unanswered).toBe(0);
      expect(first.latenciesMs.every((ms) => ms > 0 && ms < Infinity)).toBe(true);
    }
  });

  it('counts what fails, and what runs out of memory', async () => {
    const failing = await simulate(traceOf('T6'), alwaysGpu);
    expect(failing.failedAttempts).toBeGreaterThan(0);
    expect(failing.outOfMemory).toBe(0);
    const crowded = await simulate(traceOf('T7', 2000), originalAsIntended);
    expect(crowded.failedAttempts).toBeGreaterThanOrEqual(crowded.outOfMemory);
  });

  it('shows the defect of the original: what the GPU took counts as what the CPU takes', async () => {
    // All on data that is there, of sizes where the GPU is faster: right figures keep it in use, wrong ones give it up.
    const trace = traceOf('T5', 1000);
    const gpuShare = ({ choices }: { choices: readonly string[] }) =>
      choices.filter((choice) => choice.startsWith('gpu')).length / choices.length;
    const coded = gpuShare(await simulate(trace, originalAsCoded));
    expect(coded).toBeLessThan(gpuShare(await simulate(trace, originalAsIntended)));
  });

  it('lets requests of T8 wait for each other, and for no longer than the work before them', async () => {
    const trace = traceOf('T8');
    const { latenciesMs } = await simulate(trace, alwaysCpu);
    let freeAtMs = 0;
    for (const { index, shape, rows, arrivalMs, cpuNoise } of trace.requests) {
      freeAtMs = Math.max(freeAtMs, arrivalMs) + trace.world.cpuMs(shape, rows) * cpuNoise;
      expect(latenciesMs[index]).toBeCloseTo(freeAtMs - arrivalMs, 6);
    }
  });
});
