import type { PreparedRequest, TopKOutput, TopKRequest } from '@gearshift/contracts';
import { createDispatcher } from '@gearshift/dispatcher';
import { createSimulatedDevice, createVirtualScheduler } from '@gearshift/testing/simulated-device';
import { createTracker } from '@gearshift/tracker';
import type { Contender } from './contenders/contender.js';
import type { LabRequest, Trace } from './traces/trace.js';
import { DIMENSIONS, LAB_SHAPES, QUERIES, type LabShape } from './world.js';

const K = 10;
const OUT_OF_MEMORY_MS = 0.5;

/** The result of one policy on one trace. */
export interface Simulation {
  /** Latency of each request, from its arrival to its answer. */
  readonly latenciesMs: Float64Array;
  /** Failed attempts, including those that ran out of memory. */
  readonly failedAttempts: number;
  readonly outOfMemory: number;
  /** Requests without an answer. */
  readonly unanswered: number;
  /** Answers after the deadline of their caller. */
  readonly late: number;
  /** For each request, the last device and the reason of the choice, such as `'gpu:0 resident'`. */
  readonly choices: readonly string[];
}

/**
 * Runs every request of the trace through the published dispatcher, on two simulated devices in virtual time. Every run is the
 * same and does not depend on this machine.
 */
export async function simulate(trace: Trace, contender: Contender): Promise<Simulation> {
  const scheduler = createVirtualScheduler();
  const { requests, definition } = trace;
  const latenciesMs = new Float64Array(requests.length);
  const choices = new Array<string>(requests.length).fill('');
  const startedAtMs = new Float64Array(requests.length);
  let failedAttempts = 0;
  let unanswered = 0;
  let late = 0;
  let current = requests[0];

  // Data of a single request has its number; otherwise requests come one after the other.
  const firstId = requests[0].matrix.id;
  const requestOf = (operandId: number) => (definition.disposes ? requests[operandId - firstId] : current);
  const cpu = createSimulatedDevice({
    id: 'cpu',
    kind: 'cpu',
    scheduler,
    formOf: (request) => requestOf(request.operation === 'top-k' ? request.matrix.id : NaN).cpuForm,
    kernelMs({ operandId, rows }) {
      const { shape, cpuFactor, cpuNoise } = requestOf(operandId);
      return trace.world.cpuMs(shape, rows) * cpuFactor * cpuNoise;
    },
    answer: answerOfZeros,
  });
  const gpu = createSimulatedDevice({
    id: 'gpu:0',
    kind: 'gpu',
    scheduler,
    kernelMs({ operandId, rows }) {
      const { shape, gpuFactor, gpuNoise } = requestOf(operandId);
      return trace.world.gpuMs(shape, rows) * gpuFactor * gpuNoise;
    },
    uploadMs: (bytes, { operandId }) => trace.world.uploadMs(bytes) * trace.uploadNoise(operandId),
    fault: ({ operandId }) => requestOf(operandId).fault,
    outOfMemoryMs: OUT_OF_MEMORY_MS,
    ...(definition.gpuBytes !== undefined && { memory: memoryOf(definition.gpuBytes) }),
    answer: answerOfZeros,
  });
  function memoryOf(totalBytes: number) {
    // The trace counts data that was there before as memory of others.
    const outside = (freeBytes: number) =>
      Math.max(0, totalBytes - freeBytes - (current.preloaded ? current.bytes : 0));
    return {
      totalBytes,
      outsideBytes: () => outside(current.freeBytes),
      reportedOutsideBytes: () => outside(current.reportedFreeBytes),
      reportedAtMs: () => startedAtMs[Math.max(0, current.index - current.reportAge)],
    };
  }

  const tracker = createTracker();
  const { policy, trackedBy } = contender.create();
  const options = {
    backends: [gpu, cpu],
    policy,
    tracker: trackedBy?.(tracker) ?? tracker,
    clock: scheduler.nowMs,
    // Limits for hanging calls use virtual time too.
    timers: scheduler,
  };
  const dispatcher = createDispatcher(options);

  const serve = async (request: LabRequest) => {
    current = request;
    const arrivedAtMs = scheduler.nowMs();
    startedAtMs[request.index] = arrivedAtMs;
    if (request.preloaded) gpu.placeResident(request.matrix);
    const outcome = await dispatcher.run(requestFor(request));
    latenciesMs[request.index] = scheduler.nowMs() - arrivedAtMs;
    if (definition.disposes) gpu.release(request.matrix);
    const { attempts, decision } = outcome.ok ? outcome.value : outcome.error;
    for (const { outcome: came } of attempts) if (came !== 'success') failedAttempts += 1;
    choices[request.index] = `${attempts.at(-1)?.backend} ${decision?.reason}`;
    if (!outcome.ok) unanswered += 1;
    else if (latenciesMs[request.index] > request.allowedMs) late += 1;
  };
  try {
    await scheduler.run(() => (definition.arrivals === true ? allAtTheirTime() : oneAfterTheOther()));
  } finally {
    tracker[Symbol.dispose]();
  }

  async function oneAfterTheOther() {
    for (const request of requests) await serve(request);
  }
  async function allAtTheirTime() {
    const served: Promise<void>[] = [];
    for (const request of requests) {
      await scheduler.sleep(request.arrivalMs - scheduler.nowMs());
      served.push(serve(request));
    }
    await Promise.all(served);
  }

  const outOfMemory = gpu.counts.outOfMemory;
  return { latenciesMs, failedAttempts, outOfMemory, unanswered, late, choices };
}

const queries = new Map<LabShape, Float32Array>(
  LAB_SHAPES.map((shape) => [shape, new Float32Array(QUERIES[shape] * DIMENSIONS)]),
);

function requestFor({ shape, matrix }: LabRequest): TopKRequest {
  const query = queries.get(shape) ?? new Float32Array(DIMENSIONS);
  return { operation: 'top-k', query, queries: QUERIES[shape], matrix, k: K };
}

/** All rows are zero, so all scores are, and the lower row wins. */
function answerOfZeros(request: PreparedRequest, output: Float32Array | TopKOutput): void {
  if (request.operation !== 'top-k' || !('count' in output)) throw new Error('the lab asks for the best rows only');
  for (let query = 0; query < request.queries; query++) {
    for (let i = 0; i < request.count; i++) output.indices[query * request.count + i] = request.start + i;
  }
  output.scores.fill(0);
  output.count = request.count;
}
