import { shapeOf, sizeOf } from './draws.js';
import type { TraceDefinition } from './trace.js';

export const stationary: TraceDefinition = {
  name: 'T1',
  title: 'stationary',
  conditions: 'log-uniform sizes, half resident',
  disposes: true,
  draw: ({ random, requestCount }) =>
    Array.from({ length: requestCount }, () => ({
      shape: shapeOf(random),
      rows: sizeOf(random),
      preloaded: random.uniform() < 0.5,
    })),
};
