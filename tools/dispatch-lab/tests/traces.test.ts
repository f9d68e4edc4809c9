import { describe, expect, it } from 'vitest';
import { createTrace, REQUEST_COUNT, TRACES } from '../src/traces/create-trace.js';
import type { Trace, TraceName } from '../src/traces/trace.js';
import { crossoverRows, WORLDS, type WorldName } from '../src/world.js';
import { createZeroMemory } from '../src/zero-memory.js';

const memory = createZeroMemory(1_000_000 * 768);

function traceOf(name: TraceName, { world = 'hard', seed = 1 }: { world?: WorldName; seed?: number } = {}): Trace {
  const definition = TRACES.find((one) => one.name === name);
  if (definition === undefined) throw new Error(`no trace ${name}`);
  return createTrace(definition, WORLDS[world], seed, memory);
}

/** The data of a trace, with matrices by their id. */
function plain(trace: Trace) {
  return trace.requests.map(({ matrix, ...rest }) => ({
    ...rest,
    operandId: matrix.id,
    uploadNoise: trace.uploadNoise(matrix.id),
  }));
}

const shareOf = <T>(items: readonly T[], holds: (item: T) => boolean) => items.filter(holds).length / items.length;

describe('createTrace()', () => {
  it.each(TRACES)('gives equal $name traces for equal seeds and different ones for different seeds', ({ name }) => {
    expect(plain(traceOf(name))).toEqual(plain(traceOf(name)));
    expect(plain(traceOf(name, { seed: 2 }))).not.toEqual(plain(traceOf(name)));
  });

  it.each(TRACES)(
    'gives $name the right number of requests, half of each shape, with matching matrices',
    ({ name }) => {
      const { requests } = traceOf(name);
      expect(requests).toHaveLength(REQUEST_COUNT);
      expect(requests.map(({ index }) => index)).toEqual(requests.map((_, index) => index));
      const scans = shareOf(requests, ({ shape }) => shape === 'scan');
      expect(scans).toBeGreaterThan(0.45);
      expect(scans).toBeLessThan(0.55);
      for (const { rows, bytes, matrix } of requests) {
        expect(rows).toBeGreaterThanOrEqual(1);
        expect(matrix.rows).toBe(rows);
        expect(matrix.values).toHaveLength(rows * 768);
        expect(bytes).toBe(matrix.values.byteLength);
      }
    },
  );

  it.each(TRACES.filter(({ disposes }) => disposes))('gives each request of $name its own data', ({ name }) => {
    const { requests } = traceOf(name);
    expect(requests.map(({ matrix }) => matrix.id)).toEqual(requests.map(({ index }) => requests[0].matrix.id + index));
  });

  it('gives traces with the same seed different noise', () => {
    const [first, second] = [traceOf('T1'), traceOf('T5')];
    const same = first.requests.filter(({ cpuNoise }, index) => cpuNoise === second.requests[index].cpuNoise);
    expect(same).toHaveLength(0);
  });
});

describe('traces', () => {
  it('T1 is half resident, with sizes of all orders of magnitude', () => {
    const { requests } = traceOf('T1');
    expect(Math.abs(shareOf(requests, ({ preloaded }) => preloaded) - 0.5)).toBeLessThan(0.05);
    for (const [low, high] of [
      [16, 190],
      [190, 2190],
      [2190, 25_600],
      [25_600, 300_000],
    ]) {
      expect(Math.abs(shareOf(requests, ({ rows }) => rows >= low && rows < high) - 0.25)).toBeLessThan(0.05);
    }
  });

  it('T2 is mostly tiny with some huge requests, none above 10^6 rows', () => {
    const { requests } = traceOf('T2');
    expect(Math.abs(shareOf(requests, ({ rows }) => rows <= 64) - 0.95)).toBeLessThan(0.02);
    const largest = Math.max(...requests.map(({ rows }) => rows));
    expect(largest).toBeGreaterThan(100_000);
    expect(largest).toBeLessThanOrEqual(1_000_000);
  });

  it.each(['linear', 'hard'] as const)(
    'T3 is near the size where both devices are equally fast in the %s world',
    (world) => {
      const { requests } = traceOf('T3', { world });
      for (const { shape, rows, preloaded } of requests) {
        const crossover = crossoverRows(WORLDS[world], shape);
        expect(rows).toBeGreaterThanOrEqual(Math.floor(crossover / 2));
        expect(rows).toBeLessThanOrEqual(Math.ceil(crossover * 2));
        expect(preloaded).toBe(true);
      }
    },
  );

  it('T4 has four repeated data sets per 400 requests, other data is used once, and all is cold', () => {
    const { requests } = traceOf('T4');
    expect(requests.some(({ preloaded }) => preloaded)).toBe(false);
    const uses = new Map<number, number[]>();
    for (const { matrix, index } of requests) uses.set(matrix.id, [...(uses.get(matrix.id) ?? []), index]);
    const once = [...uses.values()].filter((indices) => indices.length === 1).length / requests.length;
    expect(Math.abs(once - 0.4)).toBeLessThan(0.03);
    const live = [...uses.values()].filter((indices) => indices.length > 1);
    expect(live).toHaveLength(40);
    for (const indices of live) expect(new Set(indices.map((index) => Math.floor(index / 400))).size).toBe(1);
    const sizes = new Map(requests.map(({ matrix }) => [matrix.id, matrix.rows]));
    for (const { matrix, rows } of requests) expect(rows).toBe(sizes.get(matrix.id));
  });

  it('T5 and T5b have a period in which one device is slow', () => {
    const drift = traceOf('T5').requests;
    expect(shareOf(drift, ({ gpuFactor }) => gpuFactor === 6)).toBeCloseTo(1 / 3, 2);
    expect(shareOf(drift, ({ cpuFactor }) => cpuFactor === 3)).toBeCloseTo(0.1, 2);
    const slowStart = traceOf('T5b').requests;
    expect(slowStart[0].gpuFactor).toBe(12);
    expect(shareOf(slowStart, ({ gpuFactor }) => gpuFactor === 12)).toBeCloseTo(0.4, 2);
  });

  it('T6 has a period of constant failures, one of occasional failures, and a lost device', () => {
    const { requests } = traceOf('T6');
    const during = (from: number, to: number) =>
      requests.filter(({ index }) => index > from * REQUEST_COUNT && index < to * REQUEST_COUNT);
    const failing = ({ fault }: Trace['requests'][number]) => fault !== undefined;
    expect(shareOf(during(0, 0.2), failing)).toBe(0);
    expect(shareOf(during(0.2, 0.4), failing)).toBeGreaterThan(0.96);
    expect(shareOf(during(0.2, 0.4), ({ fault }) => fault?.kind === 'hang')).toBeGreaterThan(0.03);
    expect(Math.abs(shareOf(during(0.6, 0.75), failing) - 0.2)).toBeLessThan(0.05);
    expect(shareOf(during(0.9, 1), ({ fault }) => fault?.kind === 'fatal')).toBe(1);
  });

  it('T7 has free memory that falls and jumps back, with a delayed report', () => {
    const { requests } = traceOf('T7');
    const free = requests.map(({ freeBytes }) => freeBytes);
    expect(Math.max(...free)).toBe(8e9);
    expect(Math.min(...free)).toBeLessThan(0.17e9);
    for (const { index, reportedFreeBytes } of requests.slice(40)) expect(reportedFreeBytes).toBe(free[index - 40]);
    expect(free.filter((bytes, index) => index > 0 && bytes > free[index - 1])).toHaveLength(7);
  });

  it('T8 has bursts of requests, half of them with a deadline', () => {
    const { requests } = traceOf('T8');
    const gaps = requests
      .slice(1)
      .map(({ arrivalMs, index }) => ({ index, gapMs: arrivalMs - requests[index - 1].arrivalMs }));
    expect(gaps.every(({ gapMs }) => gapMs >= 0)).toBe(true);
    const mean = (items: readonly { readonly gapMs: number }[]) =>
      items.reduce((sum, { gapMs }) => sum + gapMs, 0) / items.length;
    const burst = mean(gaps.filter(({ index }) => index % 200 < 80));
    const calm = mean(gaps.filter(({ index }) => index % 200 >= 80));
    expect(Math.abs(calm / burst - 1.33 / 0.63)).toBeLessThan(0.2);
    expect(Math.abs(shareOf(requests, ({ allowedMs }) => allowedMs < Infinity) - 0.5)).toBeLessThan(0.05);
  });

  it('T9 has matrices with and without codes, with which the CPU takes a sixth of the time for one query', () => {
    const { requests } = traceOf('T9');
    expect(Math.abs(shareOf(requests, ({ cpuForm }) => cpuForm === 'codes') - 0.5)).toBeLessThan(0.05);
    for (const { cpuForm, cpuFactor, shape } of requests) {
      expect(cpuFactor).toBe(cpuForm === undefined ? 1 : shape === 'scan' ? 1 / 6 : 1 / 8);
    }
  });
});

it('createTrace() allocates no memory for matrices of gigabytes', () => {
  const before = process.memoryUsage().rss;
  const matrices = Array.from({ length: 20 }, () => memory.floats(1_000_000 * 768));
  expect(matrices[19]).toHaveLength(768_000_000);
  expect(process.memoryUsage().rss - before).toBeLessThan(100e6);
});
