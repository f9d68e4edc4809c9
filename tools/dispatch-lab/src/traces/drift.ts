import { shapeOf, sizeOf } from './draws.js';
import type { TraceDefinition } from './trace.js';

const GPU_FACTOR = 6;
const CPU_FACTOR = 3;

export const drift: TraceDefinition = {
  name: 'T5',
  title: 'drift',
  conditions: 'resident; the GPU 6 times slower in the middle third, the CPU 3 times slower in the ninth tenth',
  disposes: true,
  draw: ({ random, requestCount }) =>
    Array.from({ length: requestCount }, (_, index) => {
      const progress = index / requestCount;
      return {
        shape: shapeOf(random),
        rows: sizeOf(random),
        preloaded: true,
        gpuFactor: progress > 1 / 3 && progress < 2 / 3 ? GPU_FACTOR : 1,
        cpuFactor: progress > 0.8 && progress < 0.9 ? CPU_FACTOR : 1,
      };
    }),
};
