import type { DispatchPolicy, Work } from '@gearshift/contracts';
import { createRandom } from '@gearshift/testing';
import type { Contender } from './contender.js';
import { findDevices } from './two-devices.js';
import { withoutState } from './without-state.js';

const NAME = 'moving-average';
const WEIGHT = 0.2;
const EXPLORED_SHARE = 0.02;
const SEED = 20_260_101;

/** The usual adaptive choice: a moving average per bucket, and occasional random exploration. */
export const movingAverage: Contender = {
  name: NAME,
  description: 'a moving average of latency per power of two, residency and device; 2 % of choices at random',
  create: () => ({ policy: movingAveragePolicy() }),
};

function movingAveragePolicy(): DispatchPolicy {
  const averages = new Map<string, number>();
  const { next: uniform } = createRandom(SEED);
  const keyOf = (work: Work, device: string, isThere: boolean) =>
    `${work.operation} ${work.shape} ${Math.floor(Math.log2(work.batchSize))} ${device} ${isThere}`;

  return {
    ...withoutState(NAME),
    decide(work, devices, _context, out) {
      const { cpu, gpu } = findDevices(devices);
      const isRandom = uniform() < EXPLORED_SHARE;
      const isGpuDrawn = uniform() < 0.5;
      out.device = cpu;
      out.reason = 'predicted-faster';
      if (gpu >= 0) {
        const isThere = devices[gpu].holdsOperand;
        const cpuMs = averages.get(keyOf(work, devices[cpu].id, true)) ?? 0;
        const gpuMs = averages.get(keyOf(work, devices[gpu].id, isThere)) ?? 0;
        if (isRandom) out.reason = 'explore';
        if (isRandom ? isGpuDrawn : gpuMs < cpuMs) out.device = gpu;
      }
    },
    observe({ work, attempt }) {
      if (attempt.outcome !== 'success') return;
      const key = keyOf(work, attempt.backend, attempt.device === 'cpu' || attempt.phases?.uploadMs === 0);
      const before = averages.get(key) ?? attempt.latencyMs;
      averages.set(key, before + WEIGHT * (attempt.latencyMs - before));
    },
  };
}
