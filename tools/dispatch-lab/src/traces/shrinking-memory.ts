import { shapeOf, sizeOf } from './draws.js';
import type { TraceDefinition } from './trace.js';

const MOST_FREE_BYTES = 8e9;
const LEAST_FREE_BYTES = 0.15e9;
const TOOTH_REQUESTS = 500;
const REPORT_AGE = 40;

export const shrinkingMemory: TraceDefinition = {
  name: 'T7',
  title: 'shrinking memory',
  conditions:
    'half resident; what is free falls from 8 GB to 0.15 GB every 500 requests, and the report of it is 40 requests old',
  disposes: true,
  gpuBytes: MOST_FREE_BYTES,
  draw: ({ random, requestCount }) =>
    Array.from({ length: requestCount }, (_, index) => ({
      shape: shapeOf(random),
      rows: sizeOf(random),
      preloaded: random.uniform() < 0.5,
      freeBytes: freeAt(index),
      reportedFreeBytes: freeAt(Math.max(0, index - REPORT_AGE)),
      reportAge: REPORT_AGE,
    })),
};

function freeAt(index: number): number {
  const fallen = (index % TOOTH_REQUESTS) / TOOTH_REQUESTS;
  return MOST_FREE_BYTES + (LEAST_FREE_BYTES - MOST_FREE_BYTES) * fallen;
}
