import { describe, expect, it } from 'vitest';
import { NO_DEVICE, type DecisionSlot, type DeviceView, type Work } from '@gearshift/contracts';
import { NO_METRICS } from '@gearshift/tracker';
import { THRESHOLD_DEFAULTS, thresholdPolicy, type ThresholdPolicyOptions } from '../src/index.js';

const AT_REST = { holdsOperand: true, bytesToKeep: 0, queueMs: 0, chunks: 1, blocked: false };
const CPU: DeviceView = { id: 'cpu', kind: 'cpu', supported: true, bytesToUpload: 0, ...AT_REST };
const GPU: DeviceView = { id: 'cuda:0', kind: 'gpu', supported: true, bytesToUpload: 4096, ...AT_REST };
const GPU_1: DeviceView = { ...GPU, id: 'cuda:1' };
const REFUSING: DeviceView = { ...GPU, id: 'cuda:9', supported: false };

const GPU_IS_GOOD = { ...NO_METRICS, speedup: 4 };

function work(batchSize: number): Work {
  const bytes = batchSize * 16;
  const operation = 'cosine-similarity';
  const requestBytes = 16;
  return {
    operation,
    shape: 'scan',
    batchSize,
    queries: 1,
    dimensions: 4,
    flops: 8 * batchSize,
    bytes,
    requestBytes,
    operandId: 1,
    operandVersion: 1,
    expectedUses: 0,
    rangeBytes: bytes,
    operandBytes: bytes,
    outputBytes: 4 * batchSize,
  };
}

function decide(options: ThresholdPolicyOptions, batchSize: number, devices: DeviceView[], snapshot = NO_METRICS) {
  const out: DecisionSlot = {
    device: NO_DEVICE,
    reason: 'no-device',
    predictedMs: NaN,
    alternativeMs: NaN,
    keep: false,
  };
  const context = { snapshot, strict: false, nowMs: 0, remainingMs: Infinity };
  thresholdPolicy(options).decide(work(batchSize), devices, context, out);
  return [out.device === NO_DEVICE ? 'none' : devices[out.device].id, out.reason];
}

describe('the rules, each at its boundary', () => {
  it.each([
    ['forceCpu', { forceCpu: true }, 1000, [GPU, CPU], GPU_IS_GOOD, 'cpu', 'forced'],
    ['one row too few', {}, 63, [GPU, CPU], GPU_IS_GOOD, 'cpu', 'too-small'],
    ['just enough rows', {}, 64, [GPU, CPU], GPU_IS_GOOD, 'cuda:0', 'predicted-faster'],
    ['no GPU at all', {}, 1000, [CPU], GPU_IS_GOOD, 'cpu', 'no-device'],
    ['a GPU that refuses', {}, 1000, [REFUSING, CPU], GPU_IS_GOOD, 'cpu', 'unsupported'],
    ['speedup just too low', {}, 64, [GPU, CPU], { ...GPU_IS_GOOD, speedup: 1.4999 }, 'cpu', 'speedup-low'],
    ['speedup at the threshold', {}, 64, [GPU, CPU], { ...GPU_IS_GOOD, speedup: 1.5 }, 'cuda:0', 'predicted-faster'],
    ['a speedup next to none', {}, 64, [GPU, CPU], { ...GPU_IS_GOOD, speedup: 1e-9 }, 'cpu', 'speedup-low'],
    ['no speedup yet', {}, 64, [GPU, CPU], NO_METRICS, 'cuda:0', 'calibrating'],
    ['success just too low', {}, 64, [GPU, CPU], { ...GPU_IS_GOOD, successRate: 0.9499 }, 'cpu', 'success-low'],
    [
      'success at the threshold',
      {},
      64,
      [GPU, CPU],
      { ...GPU_IS_GOOD, successRate: 0.95 },
      'cuda:0',
      'predicted-faster',
    ],
    ['success low, no speedup yet', {}, 64, [GPU, CPU], { ...NO_METRICS, successRate: 0 }, 'cpu', 'success-low'],
  ] as const)('%s', (_name, options, batch, devices, snapshot, device, reason) => {
    expect(decide(options, batch, [...devices], { ...NO_METRICS, ...snapshot })).toEqual([device, reason]);
  });
});

describe('the order of the rules: the earlier one gives the reason when both apply', () => {
  const badGpu = { ...NO_METRICS, speedup: 0.5, successRate: 0.5 };
  it.each([
    ['forced before too-small', { forceCpu: true }, 1, [], NO_METRICS, 'forced'],
    ['too-small before no-device', {}, 1, [], NO_METRICS, 'too-small'],
    ['too-small before unsupported', {}, 1, [REFUSING], NO_METRICS, 'too-small'],
    ['no-device before speedup-low', {}, 64, [], badGpu, 'no-device'],
    ['unsupported before speedup-low', {}, 64, [REFUSING], badGpu, 'unsupported'],
    ['speedup-low before success-low', {}, 64, [GPU], badGpu, 'speedup-low'],
  ] as const)('%s', (_name, options, batch, gpus, snapshot, reason) => {
    expect(decide(options, batch, [...gpus, CPU], snapshot)).toEqual(['cpu', reason]);
  });
});

describe('devices', () => {
  it('chooses the first GPU that supports the request, at any place in the list', () => {
    expect(decide({}, 64, [CPU, REFUSING, GPU_1, GPU])).toEqual(['cuda:1', 'calibrating']);
  });

  it('without a CPU chooses the first GPU that supports the request, even when the CPU is forced', () => {
    expect(decide({ forceCpu: true }, 1, [REFUSING, GPU])).toEqual(['cuda:0', 'forced']);
    expect(decide({}, 1000, [REFUSING])).toEqual(['none', 'unsupported']);
  });
});

describe('a GPU without memory for even the smallest piece', () => {
  const FULL = { ...GPU, chunks: Infinity };

  it('leaves the request to another GPU, or else to the CPU because of memory', () => {
    expect(decide({}, 64, [FULL, GPU_1, CPU])).toEqual(['cuda:1', 'calibrating']);
    expect(decide({}, 64, [FULL, CPU], { ...NO_METRICS, ...GPU_IS_GOOD })).toEqual(['cpu', 'memory']);
    expect(decide({}, 64, [REFUSING, FULL, CPU])).toEqual(['cpu', 'memory']);
    expect(decide({}, 1, [FULL, CPU])).toEqual(['cpu', 'too-small']);
  });

  it('is chosen when there is nothing else', () => {
    expect(decide({}, 64, [FULL])).toEqual(['cuda:0', 'forced']);
    expect(decide({}, 64, [FULL, GPU_1])).toEqual(['cuda:1', 'forced']);
  });
});

it('does not use a GPU while its success rate is not a number', () => {
  expect(decide({}, 64, [GPU, CPU], { ...NO_METRICS, successRate: NaN })).toEqual(['cpu', 'success-low']);
});

describe('options', () => {
  it('has the defaults of the original', () => {
    expect(THRESHOLD_DEFAULTS).toEqual({
      gpuMinBatchSize: 64,
      gpuSpeedupThreshold: 1.5,
      gpuSuccessRateThreshold: 0.95,
      forceCpu: false,
    });
    expect(thresholdPolicy().snapshot()).toEqual({ policy: 'threshold', options: THRESHOLD_DEFAULTS });
  });

  it('applies each option', () => {
    expect(decide({ gpuMinBatchSize: 1001 }, 1000, [GPU, CPU])[1]).toBe('too-small');
    expect(decide({ gpuMinBatchSize: 0 }, 1, [GPU, CPU])[1]).toBe('calibrating');
    expect(decide({ gpuSuccessRateThreshold: 1 }, 64, [GPU, CPU], { ...GPU_IS_GOOD, successRate: 1 })[0]).toBe(
      'cuda:0',
    );
    expect(decide({ gpuSpeedupThreshold: 4.1 }, 64, [GPU, CPU], GPU_IS_GOOD)[1]).toBe('speedup-low');
    expect(decide({ gpuSuccessRateThreshold: 0 }, 64, [GPU, CPU], { ...GPU_IS_GOOD, successRate: 0 })[0]).toBe(
      'cuda:0',
    );
  });

  it.each([
    [{ gpuMinBatchSize: -1 }, RangeError, 'gpuMinBatchSize: expected an integer of at least 0, got -1'],
    [{ gpuMinBatchSize: '64' }, TypeError, "gpuMinBatchSize: expected an integer of at least 0, got '64'"],
    [{ gpuSpeedupThreshold: NaN }, RangeError, 'gpuSpeedupThreshold: expected a finite number of at least 0, got NaN'],
    [{ gpuSuccessRateThreshold: 95 }, RangeError, 'gpuSuccessRateThreshold: expected a share from 0 to 1, got 95'],
    [{ forceCpu: 1 }, TypeError, 'forceCpu: expected a boolean, got 1'],
    [null, TypeError, 'options: expected an object, got null'],
  ])('refuses %o', (options, type, message) => {
    const make = () => thresholdPolicy(options as ThresholdPolicyOptions);
    expect(make).toThrow(type);
    expect(make).toThrow(message);
  });
});

describe('state', () => {
  it('learns nothing: an attempt changes neither its snapshot nor its exported state', () => {
    const policy = thresholdPolicy();
    const before = [policy.snapshot(), policy.export()];
    const attempt = { operation: 'top-k', backend: 'cuda:0', device: 'gpu', outcome: 'fault', latencyMs: 1 } as const;
    policy.observe({
      work: work(64),
      attempt: { ...attempt, fallback: false },
      uploadedBytes: 0,
      queued: false,
      nowMs: 1,
    });
    expect([policy.snapshot(), policy.export()]).toEqual(before);
  });

  it('imports what it exported, through JSON, and refuses the rest by kind', () => {
    const policy = thresholdPolicy();
    const exported = policy.export();
    expect(policy.import(JSON.parse(JSON.stringify(exported)))).toEqual({ ok: true, value: undefined });
    expect(policy.import({ ...exported, policy: 'adaptive' })).toMatchObject({ error: { kind: 'wrong-policy' } });
    expect(policy.import({ ...exported, version: 99 })).toMatchObject({ error: { kind: 'wrong-version' } });
    expect(policy.import(null as never)).toMatchObject({ error: { kind: 'malformed' } });
  });
});
