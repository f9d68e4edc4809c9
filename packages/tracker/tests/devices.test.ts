import type { AttemptOutcome } from '@gearshift/contracts';
import { describe, expect, it } from 'vitest';
import { attachTracker, createTracker, NO_METRICS, type DeviceMetrics, type TrackedAttempt } from '../src/index.js';

const OPERATION = 'lookup';
const twoServices = () =>
  createTracker({ windowSize: 4, operations: [OPERATION, 'other'], devices: ['primary', 'replica'] });
const attempt = (device: string, outcome: AttemptOutcome, latencyMs: number, parts = {}): TrackedAttempt => ({
  operation: OPERATION,
  device,
  outcome,
  latencyMs,
  ...parts,
});
const NOTHING: DeviceMetrics = NO_METRICS.devices.cpu;

describe('a tracker of two services', () => {
  it('a tracker of two services counts the attempts of each under its own name', () => {
    const tracker = twoServices();
    for (const latencyMs of [6, 8]) tracker.record(attempt('primary', 'success', latencyMs));
    tracker.record(attempt('replica', 'success', 2));
    tracker.record(attempt('replica', 'timeout', 50));
    tracker.record(attempt('replica', 'out-of-memory', 1));
    const { primary, replica } = tracker.snapshot(OPERATION).devices;
    expect(primary).toMatchObject({ count: 2, windowCount: 2, avgMs: 7, failureCount: 0, oomCount: 0, successRate: 1 });
    expect(replica).toMatchObject({
      ...{ count: 1, windowCount: 1, avgMs: 2, failureCount: 2, oomCount: 1 },
      ...{ successRate: 1 / 3, lifetimeSuccessRate: 1 / 3 },
    });
    expect(tracker.snapshot('other').devices).toEqual({ primary: NOTHING, replica: NOTHING });
  });

  it('a tracker of two services has no figures of a CPU or a GPU', () => {
    const tracker = twoServices();
    tracker.record(attempt('primary', 'success', 6));
    tracker.record(attempt('replica', 'out-of-memory', 6));
    const { devices, version, ...rest } = tracker.snapshot(OPERATION);
    const { devices: noDevices, version: noVersion, ...nothing } = NO_METRICS;
    expect(rest).toEqual(nothing);
    expect([Object.keys(devices), version]).toEqual([['primary', 'replica'], 2]);
    expect([Object.keys(noDevices), noVersion]).toEqual([['cpu', 'gpu', 'remote'], 0]);
  });

  it('the totals of a tracker of two services are counted under each name', () => {
    const tracker = twoServices();
    for (let i = 0; i < 10; i++) tracker.record(attempt('primary', 'success', 3));
    tracker.record(attempt('replica', 'fault', 5));
    const { primary, replica } = tracker.totals(OPERATION).devices;
    expect(primary).toMatchObject({ successes: 10, failures: 0, totalMs: 30, lostMs: 0 });
    expect(replica).toMatchObject({ successes: 0, failures: 1, totalMs: 0, lostMs: 5 });
    expect(Object.keys(tracker.totals(OPERATION).devices)).toEqual(['primary', 'replica']);
  });

  it('a tracker is shared with the names of its devices', () => {
    const tracker = twoServices();
    tracker.record(attempt('primary', 'success', 6));
    const other = attachTracker(tracker.share());
    other.record(attempt('replica', 'success', 2));
    other.flush();
    expect(other.devices).toEqual(['primary', 'replica']);
    expect(tracker.snapshot(OPERATION).devices).toMatchObject({ primary: { avgMs: 6 }, replica: { avgMs: 2 } });
    expect(other.snapshot(OPERATION)).toEqual(tracker.snapshot(OPERATION));
  });

  it('a tracker refuses the methods for a device that it does not have, and records nothing', () => {
    const tracker = twoServices();
    const message = (device: string) => `device: expected one of primary, replica, got '${device}'`;
    expect(() => tracker.recordCpuLatency(OPERATION, 1)).toThrow(new RangeError(message('cpu')));
    expect(() => tracker.recordGpuSuccess(OPERATION, 1)).toThrow(new RangeError(message('gpu')));
    expect(() => tracker.recordGpuFailure(OPERATION)).toThrow(new RangeError(message('gpu')));
    expect(() => tracker.recordOutOfMemory(OPERATION)).toThrow(new RangeError(message('gpu')));
    expect(() => tracker.record(attempt('cpu', 'success', 1))).toThrow(new RangeError(`attempt.${message('cpu')}`));
    expect(tracker.snapshot(OPERATION)).toMatchObject({ version: 0, devices: { primary: NOTHING, replica: NOTHING } });
  });
});

describe('the metrics of a device', () => {
  it('the metrics of each device, and the object that holds them, are frozen plain data', () => {
    const tracker = createTracker();
    tracker.recordCpuLatency('top-k', 1);
    const { devices } = tracker.snapshot('top-k');
    for (const object of [devices, devices.cpu, devices.gpu]) {
      expect(Object.isFrozen(object)).toBe(true);
      expect(Object.getPrototypeOf(object)).toBe(Object.prototype);
    }
    expect(structuredClone(devices)).toEqual(devices);
  });

  it('the metrics of a device are the same object while the device has nothing new', () => {
    const tracker = createTracker();
    tracker.recordCpuLatency('top-k', 1);
    tracker.recordGpuSuccess('top-k', 1);
    const before = tracker.snapshot('top-k').devices;
    tracker.recordGpuFailure('top-k');
    const after = tracker.snapshot('top-k').devices;
    expect(after.cpu).toBe(before.cpu);
    expect(after.gpu).not.toBe(before.gpu);
    tracker.recordFallback('top-k');
    expect(tracker.snapshot('top-k').devices).toBe(after);
  });

  it('the metrics of the devices cpu and gpu equal the fields of the snapshot', () => {
    const tracker = createTracker({ windowSize: 3 });
    for (const latencyMs of [1, 2, 3, 4, 5]) tracker.recordCpuLatency('top-k', latencyMs);
    for (const latencyMs of [7, 8]) tracker.recordGpuSuccess('top-k', latencyMs);
    tracker.recordGpuFailure('top-k');
    tracker.recordOutOfMemory('top-k');
    const { devices, ...snapshot } = tracker.snapshot('top-k');
    expect(devices.cpu).toEqual({
      count: snapshot.cpuCount,
      windowCount: snapshot.cpuWindowCount,
      avgMs: snapshot.cpuAvgMs,
      p50Ms: snapshot.cpuP50Ms,
      p95Ms: snapshot.cpuP95Ms,
      p99Ms: snapshot.cpuP99Ms,
      lastSampleAtMs: snapshot.cpuLastSampleAtMs,
      failureCount: snapshot.cpuFailureCount,
      oomCount: 0,
      successRate: 1,
      lifetimeSuccessRate: 1,
    });
    expect(devices.gpu).toEqual({
      count: snapshot.gpuCount,
      windowCount: snapshot.gpuWindowCount,
      avgMs: snapshot.gpuAvgMs,
      p50Ms: snapshot.gpuP50Ms,
      p95Ms: snapshot.gpuP95Ms,
      p99Ms: snapshot.gpuP99Ms,
      lastSampleAtMs: snapshot.gpuLastSampleAtMs,
      failureCount: snapshot.gpuFailureCount,
      oomCount: snapshot.oomCount,
      successRate: snapshot.successRate,
      lifetimeSuccessRate: snapshot.lifetimeSuccessRate,
    });
    expect(devices.gpu).toMatchObject({ successRate: 1 / 3, lifetimeSuccessRate: 0.5, oomCount: 1, failureCount: 2 });
    expect(devices.remote).toEqual(NOTHING);
  });

  it('the metrics of the device cpu include failures that the other fields of the snapshot leave out', () => {
    const tracker = createTracker();
    tracker.record({ operation: 'top-k', device: 'cpu', outcome: 'success', latencyMs: 1 });
    tracker.record({ operation: 'top-k', device: 'cpu', outcome: 'out-of-memory', latencyMs: 1 });
    expect(tracker.snapshot('top-k')).toMatchObject({ oomCount: 0, successRate: 1, lifetimeSuccessRate: 1 });
    expect(tracker.snapshot('top-k').devices.cpu).toMatchObject({ oomCount: 1, successRate: 0.5 });
  });

  it('the success rate of a device is over its last attempts, in the order in which they ended', () => {
    const tracker = createTracker({ windowSize: 4, devices: ['primary'], operations: [OPERATION] });
    const rate = () => tracker.snapshot(OPERATION).devices.primary.successRate;
    tracker.record(attempt('primary', 'fault', 1));
    tracker.record(attempt('primary', 'success', 1));
    expect(rate()).toBe(1 / 2);
    for (let i = 0; i < 2; i++) tracker.record(attempt('primary', 'success', 1));
    expect(rate()).toBe(3 / 4);
    // The failure leaves the window; one that comes after unread successes enters it behind them.
    for (let i = 0; i < 40; i++) tracker.record(attempt('primary', 'success', 1));
    tracker.record(attempt('primary', 'fault', 1));
    for (let i = 0; i < 3; i++) tracker.record(attempt('primary', 'success', 1));
    expect(rate()).toBe(3 / 4);
    tracker.record(attempt('primary', 'success', 1));
    expect(rate()).toBe(1);
  });
});

describe('an attempt', () => {
  const devices = ['cpu', 'gpu', 'cuda:0', 'cuda:1'];

  it('an attempt on a remote machine needs no option', () => {
    const tracker = createTracker();
    tracker.record({ operation: 'top-k', device: 'remote', outcome: 'success', latencyMs: 4 });
    expect(tracker.devices).toEqual(['cpu', 'gpu', 'remote']);
    expect(tracker.snapshot('top-k').devices.remote).toMatchObject({ count: 1, avgMs: 4 });
  });

  it('an attempt is also counted under the backend that ran it, if the tracker has a device of that name', () => {
    const tracker = createTracker({ operations: [OPERATION], devices });
    tracker.record(attempt('gpu', 'success', 2, { backend: 'cuda:0' }));
    tracker.record(attempt('gpu', 'success', 4, { backend: 'cuda:1', fallback: true }));
    tracker.record(attempt('gpu', 'out-of-memory', 4, { backend: 'cuda:1' }));
    tracker.record(attempt('gpu', 'aborted', 4, { backend: 'cuda:1' }));
    const snapshot = tracker.snapshot(OPERATION);
    expect(snapshot).toMatchObject({ gpuAvgMs: 3, gpuCount: 2, oomCount: 1, fallbackCount: 1 });
    expect(snapshot.devices['cuda:0']).toMatchObject({ count: 1, avgMs: 2, failureCount: 0 });
    expect(snapshot.devices['cuda:1']).toMatchObject({ count: 1, avgMs: 4, failureCount: 1, oomCount: 1 });
  });

  it('an attempt is counted under its backend alone, if the tracker does not have its kind of device', () => {
    const tracker = createTracker({ operations: [OPERATION], devices: ['cpu', 'cuda:0'] });
    tracker.record(attempt('gpu', 'success', 2, { backend: 'cuda:0' }));
    expect(tracker.snapshot(OPERATION)).toMatchObject({ gpuCount: 0, devices: { 'cuda:0': { count: 1 } } });
  });

  it('an attempt is counted once when its backend and its device have the same name', () => {
    const tracker = createTracker({ operations: [OPERATION], devices: ['primary', 'cpu'] });
    tracker.record(attempt('primary', 'success', 2, { backend: 'primary' }));
    tracker.record(attempt('cpu', 'success', 2, { backend: 'cpu' }));
    expect(tracker.snapshot(OPERATION)).toMatchObject({
      version: 2,
      devices: { primary: { count: 1 }, cpu: { count: 1 } },
    });
  });

  it('an attempt is not counted under the kind of device that its backend is named like', () => {
    const tracker = createTracker({ operations: [OPERATION], devices });
    tracker.record(attempt('cpu', 'success', 2, { backend: 'gpu' }));
    expect(tracker.snapshot(OPERATION)).toMatchObject({ cpuCount: 1, gpuCount: 0 });
  });

  it('an attempt of an unknown backend is counted under its device', () => {
    const tracker = createTracker({ operations: [OPERATION], devices });
    tracker.record(attempt('gpu', 'success', 2, { backend: 'cuda:7' }));
    expect(tracker.snapshot(OPERATION)).toMatchObject({ version: 1, gpuCount: 1 });
  });

  it('an attempt of an unknown device is refused, even if its backend is named like a kind of device', () => {
    const tracker = createTracker({ operations: [OPERATION], devices });
    const act = () => {
      tracker.record(attempt('tpu', 'success', 2, { backend: 'gpu' }));
    };
    expect(act).toThrow(new RangeError("attempt.device: expected one of cpu, gpu, cuda:0, cuda:1, got 'tpu'"));
  });
});

describe('the names of devices', () => {
  it('the names of devices may be any strings', () => {
    const devices = ['', ' ', 'constructor', 'toString', '7', 'é', 'x'.repeat(1000)];
    const tracker = createTracker({ operations: [OPERATION], devices });
    for (const [index, device] of devices.entries()) tracker.record(attempt(device, 'success', index + 1));
    const snapshot = tracker.snapshot(OPERATION);
    for (const [index, device] of devices.entries()) expect(snapshot.devices[device].avgMs).toBe(index + 1);
    expect(new Set(Object.keys(snapshot.devices))).toEqual(new Set(devices));
  });

  it('names of devices with a comma are not mistaken for other names', () => {
    const tracker = createTracker({ operations: [OPERATION], devices: ['cpu,gpu', 'remote'] });
    tracker.record(attempt('cpu,gpu', 'success', 1));
    expect(Object.keys(tracker.snapshot(OPERATION).devices)).toEqual(['cpu,gpu', 'remote']);
  });

  it('the default devices may be in another order', () => {
    const tracker = createTracker({ operations: [OPERATION], devices: ['gpu', 'remote', 'cpu'] });
    tracker.recordCpuLatency(OPERATION, 6);
    tracker.recordGpuSuccess(OPERATION, 2);
    expect(tracker.snapshot(OPERATION)).toMatchObject({ cpuAvgMs: 6, gpuAvgMs: 2, speedup: 3 });
    expect(tracker.snapshot(OPERATION).devices).toMatchObject({ cpu: { avgMs: 6 }, gpu: { avgMs: 2 } });
  });

  it('a tracker may have 32 devices', () => {
    const devices = Array.from({ length: 32 }, (_, index) => `shard ${index}`);
    const tracker = createTracker({ operations: [OPERATION], devices, maxWriters: 2 });
    const other = attachTracker(tracker.share());
    for (const [index, device] of devices.entries()) other.record(attempt(device, 'success', index + 1));
    other.flush();
    const snapshot = tracker.snapshot(OPERATION);
    expect(devices.map((device) => snapshot.devices[device].avgMs)).toEqual(devices.map((_, index) => index + 1));
  });
});
