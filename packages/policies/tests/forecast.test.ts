import { describe, expect, it } from 'vitest';
import type { DeviceKind, Work } from '@gearshift/contracts';
import type { CostLine } from '../src/adaptive/cost-line.js';
import { LINE } from '../src/adaptive/cost-line.js';
import { forecastOf, learnedSnapshot } from '../src/adaptive/forecast.js';
import { Knowledge } from '../src/adaptive/knowledge.js';
import { TokenBucket } from '../src/adaptive/token-bucket.js';
import { createSharedLearning, scanOf } from './policy-inputs.js';

const WORK = scanOf(1000);

/** Lines with known figures: the GPU overtakes the CPU at 1e6 units, or later where the operand has to be sent. */
function known(work: Work = WORK) {
  const tokens = new TokenBucket(0, 3, 20);
  const knowledge = new Knowledge(tokens);
  const add = (id: string, kind: DeviceKind, fixedMs: number, msPerUnit: number, samples = 3): CostLine => {
    const line = knowledge.device(id, kind).line(knowledge.task(work), work, undefined);
    line.sums.add(LINE.samples, samples);
    return Object.assign(line, { fixedMs, msPerUnit, noise: 0.04 });
  };
  const cpu = add('cpu', 'cpu', 0, 2e-6);
  const gpu = add('gpu', 'gpu', 1, 1e-6);
  return { tokens, knowledge, add, cpu, gpu };
}

describe('the forecast of a shape', () => {
  it('has the figures of each device with at least one sample', () => {
    const { knowledge, add } = known();
    add('gpu:1', 'gpu', 1, 1, 0);
    const speed = knowledge.device('gpu', 'gpu').speed;
    for (let i = 0; i < 2; i++) speed.observe(Math.log(8), 0.7);
    speed.refresh(0, 0);
    const forecast = forecastOf(knowledge, 'top-k');
    expect(forecast).toMatchObject({ operation: 'top-k', shapes: [{ shape: 'scan', unit: 'flop' }] });
    const [cpu, gpu, ...more] = forecast?.shapes[0].devices ?? [];
    expect(more).toEqual([]);
    expect(cpu).toEqual({ id: 'cpu', kind: 'cpu', fixedMs: 0, msPerUnit: 2e-6, sigma: 0.2, samples: 3, slowdown: 1 });
    expect(gpu).toMatchObject({ id: 'gpu', kind: 'gpu', samples: 3 });
    for (const [figure, value] of [
      [gpu.fixedMs, 4],
      [gpu.msPerUnit, 4e-6],
      [gpu.slowdown, 4],
    ]) {
      expect(figure / value).toBeCloseTo(1, 9);
    }
  });

  it('has the mean error, the explorations and the regret of all devices', () => {
    const { knowledge, cpu, gpu } = known();
    expect(forecastOf(knowledge, 'top-k')?.shapes[0]).toMatchObject({
      predictionError: null,
      explorations: 0,
      estimatedRegretMs: 0,
    });
    cpu.sums.add(LINE.relativeErrors, 1);
    cpu.sums.add(LINE.errorWeight, 3);
    gpu.sums.add(LINE.relativeErrors, 2);
    gpu.sums.add(LINE.errorWeight, 1);
    gpu.sums.add(LINE.explorations, 5);
    cpu.sums.add(LINE.regretMs, 7);
    gpu.sums.add(LINE.regretMs, 4);
    expect(forecastOf(knowledge, 'top-k')?.shapes[0]).toMatchObject({
      predictionError: 0.75,
      explorations: 5,
      estimatedRegretMs: 11,
    });
  });

  it('counts bytes for requests without operations', () => {
    const { knowledge } = known({ ...WORK, flops: 0 });
    expect(forecastOf(knowledge, 'top-k')?.shapes[0].unit).toBe('byte');
  });

  it('is made for each shape of the operation', () => {
    const { knowledge } = known();
    knowledge.task({ ...WORK, shape: 'graph' });
    knowledge.task({ ...WORK, operation: 'mine' });
    expect(forecastOf(knowledge, 'top-k')?.shapes.map(({ shape }) => shape)).toEqual(['scan', 'graph']);
    expect(forecastOf(knowledge, 'mine')?.shapes).toHaveLength(1);
    expect(forecastOf(knowledge, 'other')).toBeUndefined();
  });

  it('has what other threads have learned', () => {
    const common = createSharedLearning();
    const { knowledge, cpu } = known();
    knowledge.share(common.thread());
    const other = known();
    other.knowledge.share(common.thread());
    cpu.sums.add(LINE.samples, 100);
    expect(forecastOf(other.knowledge, 'top-k')?.shapes[0].devices[0].samples).toBe(106);
  });
});

describe('the size from which a GPU is faster', () => {
  const breakEvenOf = ({ knowledge }: ReturnType<typeof known>) => forecastOf(knowledge, 'top-k')?.shapes[0].breakEven;
  const STEP = 2 ** (1 / 8);

  it('is the first step, of eight for each doubling, at which it is faster with the data there', () => {
    const { units = NaN, items } = breakEvenOf(known())?.resident ?? {};
    expect(units).toBeGreaterThan(1e6);
    expect(units / STEP).toBeLessThanOrEqual(1e6);
    expect(8 * Math.log2(units)).toBeCloseTo(Math.round(8 * Math.log2(units)), 9);
    expect(items).toBe(Math.ceil(units / (WORK.flops / WORK.batchSize)));
  });

  it('is larger where the operand has to be sent', () => {
    const setup = known();
    Object.assign(setup.knowledge.device('gpu', 'gpu').transfer, { fixedMs: 2, msPerUnit: 1e-7 });
    // A CPU reads the memory of the caller, so its line of transfers does not count.
    Object.assign(setup.knowledge.device('cpu', 'cpu').transfer, { fixedMs: 50, msPerUnit: 1 });
    const bytesPerUnit = WORK.rangeBytes / WORK.flops;
    const evenUnits = 3 / (1e-6 - 1e-7 * bytesPerUnit);
    const { units = NaN } = breakEvenOf(setup)?.cold ?? {};
    expect(units).toBeGreaterThan(evenUnits);
    expect(units / STEP).toBeLessThanOrEqual(evenUnits);
  });

  it('counts the slowdown of the devices', () => {
    const setup = known();
    const { speed } = setup.knowledge.device('gpu', 'gpu');
    for (let i = 0; i < 2; i++) speed.observe(1.5 * Math.log(1.5), 0.5);
    speed.refresh(0, 0);
    expect(speed.factor).toBeCloseTo(1.5, 9);
    const { units = NaN } = breakEvenOf(setup)?.resident ?? {};
    expect(units).toBeGreaterThan(3e6);
    expect(units / STEP).toBeLessThanOrEqual(3e6);
  });

  it('is that of the fastest GPU and the fastest CPU', () => {
    const setup = known();
    setup.add('gpu:1', 'gpu', 100, 1e-9);
    setup.add('cpu:1', 'cpu', 1000, 1e-6);
    const { units = NaN } = breakEvenOf(setup)?.resident ?? {};
    expect(units).toBeGreaterThan(1e6);
    expect(units / STEP).toBeLessThanOrEqual(1e6);
  });

  it('is one unit where the GPU is always faster, and null where it is not faster at all large sizes', () => {
    const always = known();
    Object.assign(always.gpu, { fixedMs: 0 });
    expect(breakEvenOf(always)?.resident).toEqual({ units: 1, items: 1 });
    const never = known();
    Object.assign(never.gpu, { fixedMs: 0, msPerUnit: 2e-6 });
    expect(breakEvenOf(never)).toEqual({ cold: null, resident: null });
  });

  it('is null without a CPU or without another device', () => {
    const withoutCpu = known();
    withoutCpu.knowledge.devices.delete('cpu');
    expect(breakEvenOf(withoutCpu)).toEqual({ cold: null, resident: null });
    const withoutGpu = known();
    withoutGpu.knowledge.devices.delete('gpu');
    expect(breakEvenOf(withoutGpu)).toEqual({ cold: null, resident: null });
  });

  it('may be that of a remote device', () => {
    const setup = known();
    setup.knowledge.devices.delete('gpu');
    setup.add('worker', 'remote', 1, 1e-6);
    expect(breakEvenOf(setup)?.resident?.units).toBeGreaterThan(1e6);
  });
});

it('the snapshot has decisions, tokens, each operation once, and the transfers of all devices but CPUs', () => {
  const { knowledge, tokens } = known();
  knowledge.task({ ...WORK, shape: 'graph' });
  knowledge.decisions = 5;
  const { transfer } = knowledge.device('gpu', 'gpu');
  transfer.sums.add(LINE.samples, 4);
  Object.assign(transfer, { fixedMs: 2, msPerUnit: 3 });
  expect(learnedSnapshot(knowledge, tokens)).toEqual({
    decisions: 5,
    explorationTokensMs: 3,
    operations: [forecastOf(knowledge, 'top-k')],
    transfers: [{ id: 'gpu', fixedMs: 2, msPerByte: 3, samples: 4 }],
  });
});
