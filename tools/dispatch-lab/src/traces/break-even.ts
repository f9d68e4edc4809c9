import { shapeOf, sizeNearBreakEven } from './draws.js';
import type { TraceDefinition } from './trace.js';

export const breakEven: TraceDefinition = {
  name: 'T3',
  title: 'break-even',
  conditions: 'within a factor 2 of the size where the devices are equally fast, resident',
  disposes: true,
  draw: ({ world, random, requestCount }) =>
    Array.from({ length: requestCount }, () => {
      const shape = shapeOf(random);
      return { shape, rows: sizeNearBreakEven(world, shape, random, [2, 2]), preloaded: true };
    }),
};
