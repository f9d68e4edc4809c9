import type { DispatchPolicy, DispatchSample, Work } from '@gearshift/contracts';
import type { Contender } from './contender.js';
import { findDevices } from './two-devices.js';
import { withoutState } from './without-state.js';

const NAME = 'history';
/** Measurements of a class on a device before its history is used; StarPU's default. */
const CALIBRATION_RUNS = 10;

interface Mean {
  count: number;
  ms: number;
}

/**
 * Performance models as in StarPU (Augonnet et al., 2011) with its scheduler `dmda`: for each size class and device the mean
 * of all measurements, plus the transfer time by the measured speed of the bus; the smallest sum wins. Classes without enough
 * history are measured first. Data stays where it was uploaded.
 */
export const history: Contender = {
  name: NAME,
  description:
    'StarPU-like: the mean of history per size class and device plus the transfer, after 10 calibrating runs each',
  create: () => ({ policy: historyPolicy() }),
};

function historyPolicy(): DispatchPolicy {
  const means = new Map<string, Mean>();
  let uploadMs = 0;
  let uploadedBytes = 0;
  const meanOf = (work: Work, device: string): Mean => {
    const key = `${work.operation} ${work.shape} ${Math.floor(Math.log2(work.batchSize))} ${device}`;
    let mean = means.get(key);
    if (mean === undefined) means.set(key, (mean = { count: 0, ms: 0 }));
    return mean;
  };
  const movingMs = (bytes: number) => (uploadedBytes === 0 ? 0 : (bytes * uploadMs) / uploadedBytes);

  return {
    ...withoutState(NAME),
    decide(work, devices, _context, out) {
      const { cpu, gpu } = findDevices(devices);
      out.device = cpu;
      out.reason = 'predicted-faster';
      if (gpu < 0) return;
      const onCpu = meanOf(work, devices[cpu].id);
      const onGpu = meanOf(work, devices[gpu].id);
      if (Math.min(onCpu.count, onGpu.count) < CALIBRATION_RUNS) {
        if (onGpu.count < onCpu.count) out.device = gpu;
        out.reason = 'calibrating';
      } else {
        const { holdsOperand, bytesToUpload, queueMs } = devices[gpu];
        const gpuMs = onGpu.ms + (holdsOperand ? 0 : movingMs(bytesToUpload)) + queueMs;
        if (gpuMs < onCpu.ms + devices[cpu].queueMs) out.device = gpu;
      }
      out.keep = out.device === gpu && !devices[gpu].holdsOperand && devices[gpu].bytesToKeep < Infinity;
    },
    observe({ work, attempt }: DispatchSample) {
      const { phases } = attempt;
      if (attempt.outcome !== 'success' || phases === undefined) return;
      const mean = meanOf(work, attempt.backend);
      mean.count += 1;
      mean.ms += (phases.kernelMs - mean.ms) / mean.count;
      if (phases.uploadMs > 0) {
        uploadMs += phases.uploadMs;
        uploadedBytes += work.rangeBytes;
      }
    },
    observeUpload({ bytes, latencyMs }) {
      uploadMs += latencyMs;
      uploadedBytes += bytes;
    },
  };
}
