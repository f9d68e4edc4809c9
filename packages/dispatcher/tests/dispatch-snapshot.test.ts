import { describe, expect, it } from 'vitest';
import { createMatrix, unwrap } from '@gearshift/contracts';
import { adaptivePolicy, pinnedPolicy, thresholdPolicy } from '@gearshift/policies';
import { randomValues } from '@gearshift/testing';
import { createTracker } from '@gearshift/tracker';
import { createDispatcher } from '../src/index.js';
import { inVirtualTime, scriptedPolicy, outcomesOf, twoDevices } from './placement-setup.js';

const matrix = createMatrix(randomValues(20 * 4, 1), { dimensions: 4 });
const REQUEST = { operation: 'cosine-similarity', query: randomValues(4, 2), matrix } as const;

/** The paths of the objects that are not frozen. */
function thawed(value: unknown, path = 'snapshot'): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const inside = Object.entries(value).flatMap(([name, part]) => thawed(part, `${path}.${name}`));
  return Object.isFrozen(value) ? inside : [path, ...inside];
}

describe('snapshot()', () => {
  it('returns plain frozen data about every device', async () => {
    const { scheduler, gpu, cpu } = twoDevices();
    const { policy } = scriptedPolicy((out, views) => {
      out.keep = views[0].bytesToKeep > 0;
    });
    const timers = { clock: scheduler.nowMs, timers: scheduler };
    const tracker = createTracker();
    const dispatcher = createDispatcher({ backends: [gpu, cpu], policy, tracker, verifyEveryNth: 0, ...timers });
    await scheduler.run(async () => {
      unwrap(await dispatcher.run(REQUEST));
      const under = dispatcher.run(REQUEST);
      expect(dispatcher.snapshot('cosine-similarity').devices.map(({ queueLength }) => queueLength)).toEqual([1, 0]);
      unwrap(await under);
    });
    const snapshot = dispatcher.snapshot('cosine-similarity');
    expect(thawed(snapshot)).toEqual([]);
    expect(structuredClone(snapshot)).toEqual(snapshot);
    expect(snapshot).toMatchObject({
      snapshotVersion: 1,
      gpuCount: 2,
      cpuCount: 0,
      decisions: { 'predicted-faster': 2 },
      forecast: null,
    });
    expect(snapshot.devices).toMatchObject([
      {
        id: 'gpu:0',
        kind: 'gpu',
        queueLength: 0,
        breaker: { state: 'closed', device: 'gpu:0' },
        memory: { name: 'gpu:0', trackedBytes: 320, reservedBytes: 0 },
        residency: { operands: 1, bytes: 320 },
      },
      { id: 'cpu', kind: 'cpu', queueLength: 0, breaker: null, memory: null, residency: null },
    ]);
  });

  it('includes the forecast of a policy that makes one', async () => {
    const { scheduler, gpu, cpu } = twoDevices();
    const dispatcher = inVirtualTime([gpu, cpu], { policy: adaptivePolicy() }).dispatcher(scheduler);
    for (let i = 0; i < 20; i++) unwrap(await scheduler.run(() => dispatcher.run(REQUEST)));
    const { forecast } = dispatcher.snapshot('cosine-similarity');
    expect(forecast?.shapes.map(({ shape }) => shape)).toEqual(['scan']);
    expect(thawed(dispatcher.snapshot('cosine-similarity'))).toEqual([]);
  });
});

describe('updateOptions()', () => {
  it('changes the options for later requests, and not for running ones', async () => {
    const { scheduler, gpu, cpu } = twoDevices({ fault: () => ({ kind: 'transient', afterMs: 5 }) });
    const { dispatcher: make } = inVirtualTime([gpu, cpu], { policy: pinnedPolicy('gpu:0') });
    const dispatcher = make(scheduler);
    await scheduler.run(async () => {
      const before = dispatcher.run(REQUEST);
      dispatcher.updateOptions({ fallback: 'never' });
      expect(dispatcher.fallback).toBe('never');
      const after = await dispatcher.run(REQUEST);
      expect(after).toMatchObject({ ok: false, error: { kind: 'fault' } });
      expect(outcomesOf(unwrap(await before).attempts)).toEqual(['gpu:0 fault', '+cpu success']);

      const policy = thresholdPolicy({ forceCpu: true });
      dispatcher.updateOptions({ policy });
      expect([dispatcher.policy, dispatcher.fallback]).toEqual([policy, 'never']);
      expect(unwrap(await dispatcher.run(REQUEST)).decision).toMatchObject({ backend: 'cpu', reason: 'forced' });
    });
  });

  it('keeps the state of the devices', async () => {
    const { scheduler, gpu, cpu } = twoDevices({ fault: () => ({ kind: 'fatal', afterMs: 1 }) });
    const dispatcher = inVirtualTime([gpu, cpu]).dispatcher(scheduler);
    unwrap(await scheduler.run(() => dispatcher.run(REQUEST)));
    dispatcher.updateOptions({ policy: scriptedPolicy().policy, verifyEveryNth: 5, hangLimits: { floorMs: 1 } });
    expect(dispatcher.breaker('gpu:0')?.state).toBe('dead');
    expect(outcomesOf(unwrap(await scheduler.run(() => dispatcher.run(REQUEST))).attempts)).toEqual(['cpu success']);
  });

  it.each<[object, typeof TypeError | typeof RangeError, RegExp]>([
    [{ fallback: 'sometimes' }, RangeError, /fallback/],
    [{ policy: {} }, TypeError, /policy/],
    [{ verifyEveryNth: -1 }, RangeError, /verifyEveryNth/],
    [{ hangLimits: { floorMs: NaN } }, RangeError, /floorMs/],
  ])('throws for invalid options and changes nothing: %o', (options, type, message) => {
    const { scheduler, gpu, cpu } = twoDevices();
    const dispatcher = inVirtualTime([gpu, cpu]).dispatcher(scheduler);
    const { policy } = dispatcher;
    const update = () => dispatcher.updateOptions({ fallback: 'never', ...options });
    expect(update).toThrow(type);
    expect(update).toThrow(message);
    expect([dispatcher.fallback, dispatcher.policy]).toEqual(['cpu', policy]);
  });
});
