import { shapeOf } from './draws.js';
import type { TraceDefinition } from './trace.js';

const SMALL_SHARE = 0.95;
const SMALL_ROWS = 64;
const TAIL_SHAPE = 0.7;
const LARGEST_ROWS = 1_000_000;

export const smallHeavy: TraceDefinition = {
  name: 'T2',
  title: 'small-heavy',
  conditions: '95 % of at most 64 rows, the rest Pareto(0.7) up to 10^6, half resident',
  disposes: true,
  draw: ({ random, requestCount }) =>
    Array.from({ length: requestCount }, () => ({
      shape: shapeOf(random),
      rows:
        random.uniform() < SMALL_SHARE
          ? 1 + random.integer(SMALL_ROWS)
          : Math.min(LARGEST_ROWS, Math.round(SMALL_ROWS * random.pareto(TAIL_SHAPE))),
      preloaded: random.uniform() < 0.5,
    })),
};
