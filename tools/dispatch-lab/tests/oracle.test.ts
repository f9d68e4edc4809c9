import { describe, expect, it } from 'vitest';
import { expectedInPieces, expectedTimes } from '../src/expected-times.js';
import { oracleLatencies } from '../src/oracle.js';
import { createTrace, TRACES } from '../src/traces/create-trace.js';
import type { LabRequest, Trace, TraceName } from '../src/traces/trace.js';
import { WORLDS } from '../src/world.js';
import { createZeroMemory } from '../src/zero-memory.js';

const memory = createZeroMemory(1_000_000 * 768);

/** A trace without noise, so that measured times equal expected ones. */
function expectedTrace(name: TraceName, requestCount = 400, seed = 3): Trace {
  const definition = TRACES.find((one) => one.name === name);
  if (definition === undefined) throw new Error(`no trace ${name}`);
  const quiet = { ...WORLDS.hard, deviation: 0, spikeRate: 0 };
  return createTrace(definition, quiet, seed, memory, requestCount);
}

const total = (latenciesMs: Iterable<number>) => [...latenciesMs].reduce((sum, ms) => sum + ms, 0);

describe('oracleLatencies', () => {
  it.each(['T1', 'T2', 'T3', 'T5', 'T5b', 'T6', 'T7'] as const)(
    'has no request with a faster expected choice of devices in trace %s',
    (name) => {
      const trace = expectedTrace(name);
      const latenciesMs = oracleLatencies(trace);
      for (const request of trace.requests) {
        for (const ms of choicesOf(trace, request)) expect(latenciesMs[request.index]).toBeLessThanOrEqual(ms);
        expect(choicesOf(trace, request)).toContain(latenciesMs[request.index]);
      }
    },
  );

  it.each([2, 3, 4, 5, 6, 7, 8])('has no faster expected plan of uploads in trace T4 (seed %d)', (seed) => {
    // Every subset of the data sets of a short trace, each uploaded before its first use on the GPU.
    const trace = expectedTrace('T4', 20, seed);
    const ids = [...new Set(trace.requests.map(({ matrix }) => matrix.id))];
    expect(ids.length).toBeLessThan(16);
    let best = Infinity;
    for (let plan = 0; plan < 2 ** ids.length; plan++) best = Math.min(best, totalOfPlan(trace, ids, plan));
    expect(total(oracleLatencies(trace))).toBeCloseTo(best, 9);
  });

  it('runs each request of trace T8 where it finishes first behind the earlier ones', () => {
    const trace = expectedTrace('T8');
    const latenciesMs = oracleLatencies(trace);
    const freeAtMs = { cpu: 0, gpu: 0 };
    for (const request of trace.requests) {
      const [cpuMs, gpuMs] = choicesOf(trace, request);
      const cpuEndMs = Math.max(freeAtMs.cpu, request.arrivalMs) + cpuMs;
      const gpuEndMs = Math.max(freeAtMs.gpu, request.arrivalMs) + (gpuMs ?? Infinity);
      expect(latenciesMs[request.index]).toBeCloseTo(Math.min(cpuEndMs, gpuEndMs) - request.arrivalMs, 9);
      if (cpuEndMs <= gpuEndMs) freeAtMs.cpu = cpuEndMs;
      else freeAtMs.gpu = gpuEndMs;
    }
  });

  it('includes the same noise as the policies', () => {
    const definition = TRACES[0];
    const trace = createTrace(definition, WORLDS.hard, 3, memory, 200);
    const latenciesMs = oracleLatencies(trace);
    const quiet = oracleLatencies(expectedTrace('T1', 200));
    for (const { index, matrix, cpuNoise, gpuNoise } of trace.requests) {
      const factor = latenciesMs[index] / quiet[index];
      const noises = [cpuNoise, gpuNoise, trace.uploadNoise(matrix.id)];
      expect(factor).toBeGreaterThanOrEqual(Math.min(...noises) - 1e-9);
      expect(factor).toBeLessThanOrEqual(Math.max(...noises) + 1e-9);
    }
  });
});

describe('expectedInPieces', () => {
  it('equals the time of one piece when everything fits, and adds the starts of further pieces otherwise', () => {
    const { requests, world } = expectedTrace('T7');
    const request = { ...requests[0], rows: 100_000, bytes: 100_000 * 3072 };
    const whole = expectedTimes(world, request);
    expect(expectedInPieces(world, { ...request, freeBytes: 400e6 })).toEqual(whole);
    const pieces = expectedInPieces(world, { ...request, freeBytes: 30_000 * 3072 });
    expect(pieces.cpuMs).toBe(whole.cpuMs);
    expect(pieces.gpuMs).toBeGreaterThan(whole.gpuMs);
    const { uploadMs } = WORLDS.hard;
    expect(pieces.uploadMs).toBeCloseTo(3 * uploadMs(30_000 * 3072) + uploadMs(10_000 * 3072), 9);
  });
});

/** The time of each way to run the request alone. */
function choicesOf(trace: Trace, request: LabRequest): number[] {
  const { cpuMs, gpuMs, uploadMs } = expectedInPieces(trace.world, request);
  return request.fault === undefined ? [cpuMs, gpuMs + (request.preloaded ? 0 : uploadMs)] : [cpuMs];
}

function totalOfPlan(trace: Trace, ids: readonly number[], plan: number): number {
  const there = new Set<number>();
  let sumMs = 0;
  for (const request of trace.requests) {
    const { cpuMs, gpuMs, uploadMs } = expectedTimes(trace.world, request);
    const { id } = request.matrix;
    const isPlanned = (plan & (1 << ids.indexOf(id))) !== 0;
    if (!isPlanned) sumMs += Math.min(cpuMs, gpuMs + uploadMs);
    else {
      if (!there.has(id)) sumMs += uploadMs;
      there.add(id);
      sumMs += Math.min(cpuMs, gpuMs);
    }
  }
  return sumMs;
}
