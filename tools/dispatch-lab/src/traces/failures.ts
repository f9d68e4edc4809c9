import type { SimulatedFault } from '@gearshift/testing/simulated-device';
import type { LabRandom } from '../lab-random.js';
import { shapeOf, sizeOf } from './draws.js';
import type { TraceDefinition } from './trace.js';

const FAULT_MS = 0.2;
const HANG_MS = 50;
const HANG_SHARE = 0.05;

export const failures: TraceDefinition = {
  name: 'T6',
  title: 'failures',
  conditions:
    'resident; 98 % of GPU calls fail from 20 to 40 % of the time (one in 20 hangs for 50 ms), 20 % from 60 to 75 %; the GPU dies at 90 %',
  disposes: true,
  draw: ({ random, requestCount }) =>
    Array.from({ length: requestCount }, (_, index) => {
      const fault = faultAt(index / requestCount, random);
      return { shape: shapeOf(random), rows: sizeOf(random), preloaded: true, ...(fault && { fault }) };
    }),
};

function faultAt(progress: number, random: LabRandom): SimulatedFault | undefined {
  const chance = random.uniform();
  const hangs = random.uniform() < HANG_SHARE;
  if (progress > 0.9) return { kind: 'fatal', afterMs: FAULT_MS };
  if (progress > 0.2 && progress < 0.4 && chance < 0.98) {
    return hangs ? { kind: 'hang', forMs: HANG_MS } : { kind: 'transient', afterMs: FAULT_MS };
  }
  if (progress > 0.6 && progress < 0.75 && chance < 0.2) return { kind: 'transient', afterMs: FAULT_MS };
  return undefined;
}
