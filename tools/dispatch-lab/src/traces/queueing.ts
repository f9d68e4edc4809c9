import { ROW_BYTES, meanFactor, type World } from '../world.js';
import { shapeOf } from './draws.js';
import type { RequestDraft, TraceDefinition } from './trace.js';

const SMALLEST_ROWS = 16;
const LARGEST_ROWS = 20_000;
/** A burst that is too fast for the devices, then time to finish it. */
const BURST_REQUESTS = 80;
const BURST_LOAD = 1.33;
const CALM_REQUESTS = 120;
const CALM_LOAD = 0.63;
/** A caller's deadline is this many times the time of the faster device alone, plus time for waiting. */
const ALLOWED_FACTOR = 8;
const ALLOWED_MORE_MS = 10;

export const queueing: TraceDefinition = {
  name: 'T8',
  title: 'queueing',
  conditions:
    'half resident, up to 20,000 rows; bursts at 1.33 of what both devices can do, calm at 0.63; half have a deadline',
  arrivals: true,
  disposes: true,
  draw({ world, random, requestCount }) {
    const requests = Array.from({ length: requestCount }, () => ({
      shape: shapeOf(random),
      rows: random.logInteger(SMALLEST_ROWS, LARGEST_ROWS),
      preloaded: random.uniform() < 0.5,
    }));
    const msPerRequest = busyMsAtCapacity(world, requests) / requestCount;
    return requests.map((request, index) => {
      const isBurst = index % (BURST_REQUESTS + CALM_REQUESTS) < BURST_REQUESTS;
      const gapMs = (random.exponential() * msPerRequest) / (isBurst ? BURST_LOAD : CALM_LOAD);
      const [cpuMs, gpuMs] = aloneMs(world, request);
      const allowedMs = random.uniform() < 0.5 ? ALLOWED_FACTOR * Math.min(cpuMs, gpuMs) + ALLOWED_MORE_MS : Infinity;
      return { ...request, gapMs, allowedMs };
    });
  },
};

/**
 * How long both devices are busy with all requests when each request runs where it finishes first. This is the capacity without
 * planning ahead, which is below that of the best plan.
 */
function busyMsAtCapacity(world: World, requests: readonly RequestDraft[]): number {
  let cpuBusyMs = 0;
  let gpuBusyMs = 0;
  for (const request of requests) {
    const [cpuMs, gpuMs] = aloneMs(world, request);
    if (cpuBusyMs + cpuMs <= gpuBusyMs + gpuMs) cpuBusyMs += cpuMs;
    else gpuBusyMs += gpuMs;
  }
  return Math.max(cpuBusyMs, gpuBusyMs);
}

function aloneMs(
  world: World,
  { shape, rows, preloaded = false }: RequestDraft,
): readonly [cpuMs: number, gpuMs: number] {
  const uploadMs = preloaded ? 0 : world.uploadMs(rows * ROW_BYTES);
  const factor = meanFactor(world);
  return [factor * world.cpuMs(shape, rows), factor * (world.gpuMs(shape, rows) + uploadMs)];
}
