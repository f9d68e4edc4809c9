import { createNoise, type NoiseStream } from '@gearshift/testing/simulated-device';
import { createLabRandom } from '../lab-random.js';
import { DIMENSIONS, ROW_BYTES, type World } from '../world.js';
import { breakEven } from './break-even.js';
import { companions } from './companions.js';
import { drift } from './drift.js';
import { failures } from './failures.js';
import { queueing } from './queueing.js';
import { residency } from './residency.js';
import { shrinkingMemory } from './shrinking-memory.js';
import { slowStart } from './slow-start.js';
import { smallHeavy } from './small-heavy.js';
import { stationary } from './stationary.js';
import type { LabRequest, Trace, TraceDefinition } from './trace.js';
import type { ZeroMemory } from '../zero-memory.js';

/** In the order of tables. */
export const TRACES: readonly TraceDefinition[] = [
  stationary,
  smallHeavy,
  breakEven,
  residency,
  drift,
  slowStart,
  failures,
  shrinkingMemory,
  queueing,
  companions,
];

export const REQUEST_COUNT = 4000;

const CPU_NOISE: NoiseStream = 1;
const GPU_NOISE: NoiseStream = 2;
const UPLOAD_NOISE: NoiseStream = 3;

/** The same trace for the same world, seed and number of requests; another for each trace. */
export function createTrace(
  definition: TraceDefinition,
  world: World,
  seed: number,
  memory: ZeroMemory,
  requestCount: number = REQUEST_COUNT,
): Trace {
  // Neighbouring seeds and traces must be independent.
  const traceSeed = seed * 7919 + TRACES.indexOf(definition) * 104_729;
  const random = createLabRandom(traceSeed);
  const noise = createNoise({ seed: traceSeed, ...world });
  const drafts = definition.draw({ world, random, requestCount });
  // Repeated data sets first, then one operand per request, with an id that identifies the request.
  const setCount = 1 + drafts.reduce((highest, { dataSet = -1 }) => Math.max(highest, dataSet), -1);
  let arrivalMs = 0;
  const requests = drafts.map((draft, index): LabRequest => {
    const { shape, rows, preloaded = false, dataSet = setCount + index, gapMs = 0, ...rest } = draft;
    arrivalMs += gapMs;
    return {
      cpuForm: undefined,
      cpuFactor: 1,
      gpuFactor: 1,
      fault: undefined,
      freeBytes: Infinity,
      reportedFreeBytes: Infinity,
      reportAge: 0,
      allowedMs: Infinity,
      ...rest,
      index,
      shape,
      rows,
      bytes: rows * ROW_BYTES,
      preloaded,
      matrix: { id: dataSet + 1, version: 1, rows, dimensions: DIMENSIONS, values: memory.floats(rows * DIMENSIONS) },
      arrivalMs,
      cpuNoise: noise.factor(CPU_NOISE, index),
      gpuNoise: noise.factor(GPU_NOISE, index),
    };
  });
  const uploadNoise = (operandId: number) => noise.factor(UPLOAD_NOISE, operandId);
  return { name: definition.name, world, seed, definition, requests, uploadNoise };
}
