import { beforeEach, describe, expect, it } from 'vitest';
import { DeviceSpeed, SpikeRule } from '../src/adaptive/device-speed.js';

const LIMIT = 0.7;
let speed: DeviceSpeed;

beforeEach(() => {
  speed = new DeviceSpeed('gpu');
});

/** Runs that took `exp(deviation)` times as long as their line said, each noticed at once. */
function observe(deviations: readonly number[], limit = LIMIT, decisions = 0): boolean[] {
  return deviations.map((deviation) => {
    const isUsual = speed.observe(deviation, limit);
    speed.refresh(0, decisions);
    return isUsual;
  });
}

describe('a slowdown', () => {
  it('is believed after two slow runs with the weight of two, at the milder of both', () => {
    expect(observe([1.8, 1.2])).toEqual([false, false]);
    expect(speed.logFactor).toBeCloseTo((1.2 * 2) / 3, 12);
    expect(speed.factor).toBeCloseTo(Math.exp(0.8), 12);
    expect(speed.variance).toBeCloseTo(0.4 ** 2, 12);

    speed = new DeviceSpeed('gpu');
    observe([1.2, 1.8]);
    expect(speed.logFactor).toBeCloseTo(0.8, 12);
  });

  it('is at most a factor of e to the seventh', () => {
    observe([50, 50]);
    expect(speed.logFactor).toBeCloseTo((7 * 2) / 3, 12);
  });

  it('follows the runs that confirm it', () => {
    observe([1.2, 1.2]);
    expect(observe([1])).toEqual([true]);
    const [weight, sum] = [2 * 0.95 + 1, 2.4 * 0.95 + 1];
    expect(speed.logFactor).toBeCloseTo(((sum / weight) * weight) / (weight + 1), 12);
  });

  it('keeps the weight of what confirmed it when the device becomes slower still', () => {
    observe([1.2, 1.2, 1.2, 1.2]);
    const weight = (2 * 0.95 + 1) * 0.95 + 1;
    observe([3, 3]);
    expect(speed.logFactor).toBeCloseTo((3 * weight) / (weight + 1), 12);
  });

  it('is over once the runs deviate from the line by less than 0.15', () => {
    observe([1.2, 1.2]);
    observe(
      Array.from({ length: 10 }, () => 0),
      5,
    );
    expect(speed.factor).toBeGreaterThan(1.1);
    observe([0], 5);
    expect([speed.factor, speed.logFactor, speed.variance]).toEqual([1, 0, 0]);
  });

  it('loses half of its weight in two decisions without a run for each sample', () => {
    observe([1.2, 1.2], LIMIT, 10);
    speed.refresh(0, 14);
    expect(speed.logFactor).toBeCloseTo((1.2 * 1) / 2, 12);
    expect(speed.variance).toBeCloseTo(0.6 ** 2, 12);
    speed.refresh(0, 18);
    expect(speed.logFactor).toBeCloseTo((1.2 * 0.5) / 1.5, 12);
  });

  it('is confirmed by a run as slow as before it faded', () => {
    observe([1.2, 1.2]);
    speed.refresh(0, 1000);
    expect(speed.factor).toBeCloseTo(1, 9);
    expect(observe([1.2], LIMIT, 1000)).toEqual([true]);
    expect(speed.logFactor).toBeGreaterThan(0.8);
  });
});

describe('a speed-up', () => {
  it('is believed after one fast run with the weight of one', () => {
    expect(observe([-1])).toEqual([false]);
    expect(speed.logFactor).toBeCloseTo(-0.5, 12);
    expect(speed.variance).toBeCloseTo(0.5 ** 2, 12);
  });

  it('ends a slowdown at once', () => {
    observe([1.2, 1.2, 1.2]);
    observe([-1]);
    expect(speed.logFactor).toBeCloseTo(-0.5, 12);
  });

  it('keeps the weight of the runs that confirmed it', () => {
    observe([-1, -1]);
    observe([-2.5]);
    expect(speed.logFactor).toBeCloseTo((-2.5 * 1.95) / 2.95, 12);
  });

  it('is at most a factor of e to the seventh', () => {
    observe([-50]);
    expect(speed.logFactor).toBeCloseTo(-3.5, 12);
  });
});

it('leaves small deviations to the lines as long as the device is as fast as usual', () => {
  expect(observe([0.3, 0.3, -0.3, 0.69])).toEqual([true, true, true, true]);
  expect(speed.factor).toBe(1);
  expect([...speed.sums.total.subarray(0, 3)]).toEqual([0, 0, 4]);
});

it('judges a run exactly at the limit as usual', () => {
  const rule = new SpikeRule();
  expect([0.7, 0.7, -0.7, 0.71, 0.71].map((error) => rule.judge(error, LIMIT))).toEqual([
    'usual',
    'usual',
    'usual',
    'spike',
    'shift',
  ]);
});
