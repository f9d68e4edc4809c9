import { shapeOf, sizeNearBreakEven } from './draws.js';
import type { TraceDefinition } from './trace.js';

const GPU_FACTOR = 12;

export const slowStart: TraceDefinition = {
  name: 'T5b',
  title: 'slow start',
  conditions: 'half to 8 times break-even, resident; the GPU 12 times slower in the first quarter, and from 60 to 75 %',
  disposes: true,
  draw: ({ world, random, requestCount }) =>
    Array.from({ length: requestCount }, (_, index) => {
      const progress = index / requestCount;
      const isSlow = progress < 0.25 || (progress > 0.6 && progress < 0.75);
      const shape = shapeOf(random);
      return {
        shape,
        rows: sizeNearBreakEven(world, shape, random, [2, 8]),
        preloaded: true,
        gpuFactor: isSlow ? GPU_FACTOR : 1,
      };
    }),
};
