import type { LabShape } from '../world.js';
import { shapeOf, sizeOf } from './draws.js';
import type { TraceDefinition } from './trace.js';

/** The share of the time of a scan that a search takes with codes of the rows. */
const CODED_FACTOR: Readonly<Record<LabShape, number>> = { scan: 1 / 6, pair: 1 / 8 };
const CODED_SHARE = 0.5;

export const companions: TraceDefinition = {
  name: 'T9',
  title: 'companions',
  conditions:
    'log-uniform sizes, half resident; half of the matrices have codes, with which the CPU takes 1/6 of the time for one query and 1/8 for many',
  disposes: true,
  draw: ({ random, requestCount }) =>
    Array.from({ length: requestCount }, () => {
      const shape = shapeOf(random);
      const request = { shape, rows: sizeOf(random), preloaded: random.uniform() < 0.5 };
      const isCoded = random.uniform() < CODED_SHARE;
      return isCoded ? { ...request, cpuForm: 'codes', cpuFactor: CODED_FACTOR[shape] } : request;
    }),
};
