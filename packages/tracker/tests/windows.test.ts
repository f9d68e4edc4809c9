import { describe, expect, it } from 'vitest';
import { layOutFigures, DEVICE } from '../src/figures-layout.js';
import { BUCKET_COUNT, bucketOf, DOUBLING_COUNT, doublingOf } from '../src/log-buckets.js';
import { replaceFigures, trimBuckets } from '../src/merge-figures.js';
import { OperationRecorder } from '../src/operation-recorder.js';
import { SuccessWindow } from '../src/success-window.js';

const LAYOUT = layOutFigures(2);
const [FIRST] = LAYOUT.devices;
const bucketOfMs = (latencyMs: number) => bucketOf(new Int32Array(Float64Array.of(latencyMs * 1e6).buffer)[1]);

/** The figures of the first device that its recorder keeps, by name. */
function figuresOf(recorder: OperationRecorder) {
  const figures = recorder.readFigures();
  const field = (name: keyof typeof DEVICE) => figures[FIRST.start + DEVICE[name]];
  return {
    field,
    buckets: figures.subarray(FIRST.buckets, FIRST.buckets + BUCKET_COUNT),
    doublings: figures.subarray(FIRST.doublings, FIRST.doublings + DOUBLING_COUNT),
  };
}

/** Records latencies and compares all figures with what the samples say, read after every `readEvery` of them. */
function expectFigures(latenciesMs: readonly number[], windowSize: number, readEvery: number): void {
  const recorder = new OperationRecorder(LAYOUT, windowSize);
  for (const [index, latencyMs] of latenciesMs.entries()) {
    recorder.success(0, latencyMs, index);
    if ((index + 1) % readEvery !== 0) continue;
    const all = latenciesMs.slice(0, index + 1);
    const window = all.slice(-windowSize);
    const { field, buckets, doublings } = figuresOf(recorder);
    const inBuckets = window.map(bucketOfMs);
    const inDoublings = all.map((each) => doublingOf(bucketOfMs(each)));
    const sumNs = (samples: readonly number[]) => samples.reduce((sum, each) => sum + Math.round(each * 1e6), 0);
    expect(field('count')).toBe(all.length);
    expect(field('windowCount')).toBe(window.length);
    expect(field('windowSumNs')).toBe(sumNs(window));
    expect(field('totalNs')).toBe(sumNs(all));
    expect(field('lastAtMs')).toBe(index);
    expect([field('bucketLow'), field('bucketEnd')]).toEqual([Math.min(...inBuckets), Math.max(...inBuckets) + 1]);
    expect([field('doublingLow'), field('doublingEnd')]).toEqual([
      Math.min(...inDoublings),
      Math.max(...inDoublings) + 1,
    ]);
    const countIn = (places: readonly number[], place: number) => places.filter((each) => each === place).length;
    expect([...buckets]).toEqual(Array.from(buckets, (_, bucket) => countIn(inBuckets, bucket)));
    expect([...doublings]).toEqual(Array.from(doublings, (_, doubling) => countIn(inDoublings, doubling)));
    expect([field('outcomeCount'), field('outcomeSuccesses')]).toEqual([window.length, window.length]);
  }
}

/** Latencies that go up and down over many buckets, so that both ends of the range move in both directions. */
const WAVE = Array.from({ length: 200 }, (_, index) => 2 ** (8 * Math.sin(index / 9)));

describe('the figures of a device', () => {
  it.each([
    [1, 1],
    [1, 200],
    [3, 1],
    [31, 5],
    [32, 40],
    [33, 50],
    [100, 100],
    [199, 200],
  ])(
    'the figures equal those of the samples, for a window of %i that is read after every %i',
    (windowSize, readEvery) => {
      expectFigures(WAVE, windowSize, readEvery);
    },
  );

  it('the figures of extreme latencies are in the first and the last bucket', () => {
    expectFigures([1e9, 0, 1e9, 0.000_001, 600_000], 2, 1);
  });

  it('a latency is rounded to whole nanoseconds, and half a nanosecond up', () => {
    const recorder = new OperationRecorder(LAYOUT, 10);
    for (const latencyMs of [0.000_002_4, 0.000_002_5, 0.000_002_6]) recorder.success(0, latencyMs, 0);
    expect(figuresOf(recorder).field('windowSumNs')).toBe(2 + 3 + 3);
  });

  it('a failure counts its lost time in whole nanoseconds', () => {
    const recorder = new OperationRecorder(LAYOUT, 10);
    recorder.failure(0, 1.000_000_6, false);
    recorder.failure(0, 2, true);
    const { field } = figuresOf(recorder);
    expect([field('failures'), field('outOfMemory'), field('lostNs')]).toEqual([2, 1, 3_000_001]);
  });

  it('a failure changes nothing of the latencies', () => {
    const recorder = new OperationRecorder(LAYOUT, 10);
    recorder.failure(0, 5, false);
    const { field, buckets, doublings } = figuresOf(recorder);
    expect([field('count'), field('windowCount'), field('windowSumNs'), field('totalNs')]).toEqual([0, 0, 0, 0]);
    expect([field('bucketLow'), field('bucketEnd'), field('doublingLow'), field('doublingEnd')]).toEqual([0, 0, 0, 0]);
    expect(Math.max(...buckets, ...doublings)).toBe(0);
    expect([field('outcomeCount'), field('outcomeSuccesses')]).toEqual([1, 0]);
  });

  it('a device without records has no figures', () => {
    const recorder = new OperationRecorder(LAYOUT, 10);
    recorder.success(1, 5, 7);
    const { field, buckets, doublings } = figuresOf(recorder);
    expect((Object.keys(DEVICE) as (keyof typeof DEVICE)[]).map(field)).toEqual(Object.keys(DEVICE).map(() => 0));
    expect(Math.max(...buckets, ...doublings)).toBe(0);
    expect(recorder.records).toBe(1);
  });
});

describe('what a recorder inherits', () => {
  it('lifetime counts are added to its own, and windows are not', () => {
    const previous = new OperationRecorder(LAYOUT, 10);
    previous.success(0, 4, 50);
    previous.failure(0, 2, true);
    previous.fallback();
    const recorder = new OperationRecorder(LAYOUT, 10);
    recorder.success(0, 1, 20);
    recorder.failure(0, 3, false);
    recorder.inherit(previous.readFigures());
    const { field, buckets, doublings } = figuresOf(recorder);
    expect(recorder.records).toBe(5);
    expect([field('count'), field('failures'), field('outOfMemory')]).toEqual([2, 2, 1]);
    expect([field('totalNs'), field('lostNs'), field('lastAtMs')]).toEqual([5e6, 5e6, 50]);
    expect([field('windowCount'), field('windowSumNs'), field('outcomeCount')]).toEqual([1, 1e6, 2]);
    expect(buckets[bucketOfMs(1)]).toBe(1);
    expect(buckets[bucketOfMs(4)]).toBe(0);
    expect([doublings[doublingOf(bucketOfMs(1))], doublings[doublingOf(bucketOfMs(4))]]).toEqual([1, 1]);
  });

  it('the later of both times stays', () => {
    const previous = new OperationRecorder(LAYOUT, 10);
    previous.success(0, 4, 20);
    const recorder = new OperationRecorder(LAYOUT, 10);
    recorder.success(0, 1, 30);
    recorder.inherit(previous.readFigures());
    expect(figuresOf(recorder).field('lastAtMs')).toBe(30);
  });

  it('a recorder that was reset has nothing left of its windows and counts', () => {
    const recorder = new OperationRecorder(LAYOUT, 3);
    for (const latencyMs of [1, 2, 3, 4]) recorder.success(0, latencyMs, 9);
    recorder.failure(0, 5, true);
    recorder.fallback();
    recorder.reset();
    expect(recorder.records).toBe(0);
    expect(Math.max(...recorder.readFigures())).toBe(0);
    recorder.success(0, 8, 10);
    const { field } = figuresOf(recorder);
    expect([field('count'), field('windowSumNs'), field('outcomeCount'), field('outcomeSuccesses')]).toEqual([
      ...[1, 8e6, 1, 1],
    ]);
  });
});

describe('SuccessWindow', () => {
  it.each([1, 2, 5])('a window of %i counts the successes among its most recent outcomes', (windowSize) => {
    const window = new SuccessWindow(windowSize);
    const outcomes: number[] = [];
    for (const [isSuccess, count] of [
      [true, 1],
      [false, 2],
      [true, 3],
      [true, 6],
      [false, 1],
      [true, 4],
      [false, 7],
      [true, 5],
    ] as const) {
      if (isSuccess) window.addSuccesses(count);
      else for (let i = 0; i < count; i++) window.addFailure();
      outcomes.push(...new Array<number>(count).fill(isSuccess ? 1 : 0));
      const recent = outcomes.slice(-windowSize);
      expect([window.count, window.successes]).toEqual([recent.length, recent.filter((each) => each === 1).length]);
    }
  });
});

describe('a total of several writers', () => {
  const figuresOfWriter = (...latenciesMs: number[]) => {
    const recorder = new OperationRecorder(LAYOUT, 10);
    for (const [index, latencyMs] of latenciesMs.entries()) recorder.success(0, latencyMs, index + 1);
    return recorder.readFigures();
  };
  const nothing = new Float64Array(LAYOUT.length);

  it('replacing the figures of a writer by themselves changes nothing', () => {
    const total = new Float64Array(LAYOUT.length);
    replaceFigures(total, nothing, figuresOfWriter(1, 8), LAYOUT.devices);
    const before = [...total];
    replaceFigures(total, figuresOfWriter(1, 8), figuresOfWriter(1, 8), LAYOUT.devices);
    expect([...total]).toEqual(before);
  });

  it('a total of one writer equals the figures of the writer', () => {
    const total = new Float64Array(LAYOUT.length);
    const figures = figuresOfWriter(1, 8, 64);
    replaceFigures(total, nothing, figures, LAYOUT.devices);
    // The window of outcomes is part of it, too.
    expect([...total]).toEqual([...figures]);
  });

  it('a total keeps devices apart, and buckets and doublings, at the ends of their ranges', () => {
    const recorder = new OperationRecorder(LAYOUT, 10);
    recorder.success(0, 600_000, 1);
    recorder.success(1, 0, 1);
    const total = new Float64Array(LAYOUT.length);
    replaceFigures(total, nothing, recorder.readFigures(), LAYOUT.devices);
    expect([...total]).toEqual([...recorder.readFigures()]);
  });

  it('a total has the latest time of all writers, whichever published last', () => {
    const total = new Float64Array(LAYOUT.length);
    replaceFigures(total, nothing, figuresOfWriter(1, 1, 1), LAYOUT.devices);
    replaceFigures(total, nothing, figuresOfWriter(1), LAYOUT.devices);
    expect(total[FIRST.start + DEVICE.lastAtMs]).toBe(3);
  });

  it('a total without any writer is all zeros but for its ranges and times', () => {
    const total = new Float64Array(LAYOUT.length);
    replaceFigures(total, nothing, figuresOfWriter(1, 8), LAYOUT.devices);
    replaceFigures(total, figuresOfWriter(1, 8), nothing, LAYOUT.devices);
    for (const device of LAYOUT.devices) trimBuckets(total, device);
    const { start } = FIRST;
    expect(total[start + DEVICE.bucketLow]).toBe(total[start + DEVICE.bucketEnd]);
    for (const field of [DEVICE.bucketLow, DEVICE.bucketEnd, DEVICE.doublingLow, DEVICE.doublingEnd, DEVICE.lastAtMs]) {
      total[start + field] = 0;
    }
    expect([...total]).toEqual([...nothing]);
  });

  it('the range of buckets is as narrow as the samples after it was trimmed', () => {
    const total = new Float64Array(LAYOUT.length);
    replaceFigures(total, nothing, figuresOfWriter(1, 8, 64), LAYOUT.devices);
    replaceFigures(total, figuresOfWriter(1, 8, 64), figuresOfWriter(8), LAYOUT.devices);
    const range = () => [total[FIRST.start + DEVICE.bucketLow], total[FIRST.start + DEVICE.bucketEnd]];
    expect(range()).toEqual([bucketOfMs(1), bucketOfMs(64) + 1]);
    trimBuckets(total, FIRST);
    expect(range()).toEqual([bucketOfMs(8), bucketOfMs(8) + 1]);
  });
});
