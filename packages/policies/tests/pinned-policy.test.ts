import { describe, expect, it } from 'vitest';
import { NO_DEVICE, type DecisionSlot, type DeviceView } from '@gearshift/contracts';
import { NO_METRICS } from '@gearshift/tracker';
import { pinnedPolicy } from '../src/index.js';
import { scanOf } from './policy-inputs.js';

const AT_REST = { holdsOperand: true, bytesToKeep: 0, queueMs: 0, chunks: 1, blocked: false };
const CPU: DeviceView = { id: 'cpu', kind: 'cpu', supported: true, bytesToUpload: 0, ...AT_REST };
const GPU: DeviceView = { id: 'cuda:0', kind: 'gpu', supported: true, bytesToUpload: 0, ...AT_REST };
const WORK = scanOf(2);

function decide(deviceId: string, devices: DeviceView[], strict = false) {
  const out: DecisionSlot = {
    device: NO_DEVICE,
    reason: 'no-device',
    predictedMs: NaN,
    alternativeMs: NaN,
    keep: false,
  };
  pinnedPolicy(deviceId).decide(WORK, devices, { snapshot: NO_METRICS, strict, nowMs: 0, remainingMs: Infinity }, out);
  return [out.device, out.reason];
}

describe('pinnedPolicy', () => {
  it('chooses its device for every request', () => {
    expect(decide('cuda:0', [CPU, GPU])).toEqual([1, 'forced']);
    expect(decide('cpu', [GPU, CPU])).toEqual([1, 'forced']);
  });

  it('chooses the CPU where its device is missing or does not support the request, and gives the reason', () => {
    expect(decide('cuda:1', [GPU, CPU])).toEqual([1, 'no-device']);
    expect(decide('cuda:0', [{ ...GPU, supported: false }, CPU])).toEqual([1, 'unsupported']);
    expect(decide('cuda:1', [CPU, { ...CPU, id: 'cpu:1' }])).toEqual([0, 'no-device']);
    expect(decide('cuda:1', [GPU])).toEqual([NO_DEVICE, 'no-device']);
    expect(decide('cpu', [GPU, { ...CPU, supported: false }])).toEqual([NO_DEVICE, 'unsupported']);
  });

  it('chooses no device when strict', () => {
    expect(decide('cuda:1', [GPU, CPU], true)).toEqual([NO_DEVICE, 'no-device']);
    expect(decide('cuda:0', [{ ...GPU, supported: false }, CPU], true)).toEqual([NO_DEVICE, 'unsupported']);
  });

  it('has its device in the snapshot', () => {
    expect(pinnedPolicy('cuda:0').snapshot()).toEqual({ policy: 'pinned', options: { deviceId: 'cuda:0' } });
  });

  it('refuses an id that is empty or not a string', () => {
    expect(() => pinnedPolicy('')).toThrow("deviceId: expected the id of a backend, got ''");
    expect(() => pinnedPolicy(0 as never)).toThrow(TypeError);
  });
});
