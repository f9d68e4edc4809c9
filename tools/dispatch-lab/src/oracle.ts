import { expectedInPieces, expectedTimes } from './expected-times.js';
import type { LabRequest, Trace } from './traces/trace.js';

/**
 * What the requests take when every choice is made with knowledge that no policy has: true speeds at every moment, which
 * calls will fail, how much memory is really free, and which data will come up again. Only noise it does not foresee.
 *
 * @returns the latency of each request, in milliseconds, under the same noise that the policies meet.
 */
export function oracleLatencies(trace: Trace): Float64Array {
  if (trace.definition.arrivals === true) return earliestFinish(trace);
  if (!trace.definition.disposes) return bestUploads(trace);
  return Float64Array.from(trace.requests, (request) => lowerExpected(trace, request));
}

/** Each request on the device of the lower expected time, including upload. */
function lowerExpected(trace: Trace, request: LabRequest): number {
  const { cpuMs, gpuMs, uploadMs } = expectedInPieces(trace.world, request);
  const cpuLatencyMs = cpuMs * request.cpuNoise;
  if (request.fault !== undefined) return cpuLatencyMs;
  const movingMs = request.preloaded ? 0 : uploadMs;
  if (cpuMs <= gpuMs + movingMs) return cpuLatencyMs;
  return gpuMs * request.gpuNoise + movingMs * trace.uploadNoise(request.matrix.id);
}

/**
 * Data sets come up again and stay where they were brought. Worth uploading is what saves more than that over all its
 * uses, and then best before the first: nothing is gained by waiting.
 */
function bestUploads(trace: Trace): Float64Array {
  const savedMs = new Map<number, number>();
  for (const request of trace.requests) {
    const { cpuMs, gpuMs } = expectedTimes(trace.world, request);
    const saved = savedMs.get(request.matrix.id) ?? 0;
    savedMs.set(request.matrix.id, saved + Math.max(0, cpuMs - gpuMs));
  }
  const uploaded = new Set<number>();
  return Float64Array.from(trace.requests, (request) => {
    const { cpuMs, gpuMs, uploadMs } = expectedTimes(trace.world, request);
    const { matrix, cpuNoise, gpuNoise } = request;
    if ((savedMs.get(matrix.id) ?? 0) <= uploadMs || cpuMs <= gpuMs) return cpuMs * cpuNoise;
    const movingMs = uploaded.has(matrix.id) ? 0 : uploadMs * trace.uploadNoise(matrix.id);
    uploaded.add(matrix.id);
    return gpuMs * gpuNoise + movingMs;
  });
}

/** Each request where it will be done first, with true times, behind what was chosen before. From arrival to finish. */
function earliestFinish(trace: Trace): Float64Array {
  let cpuFreeAtMs = 0;
  let gpuFreeAtMs = 0;
  return Float64Array.from(trace.requests, (request) => {
    const { arrivalMs, matrix, cpuNoise, gpuNoise, preloaded } = request;
    const { cpuMs, gpuMs, uploadMs } = expectedTimes(trace.world, request);
    const movingMs = preloaded ? 0 : uploadMs * trace.uploadNoise(matrix.id);
    const cpuEndMs = Math.max(arrivalMs, cpuFreeAtMs) + cpuMs * cpuNoise;
    const gpuEndMs = Math.max(arrivalMs, gpuFreeAtMs) + gpuMs * gpuNoise + movingMs;
    if (cpuEndMs <= gpuEndMs) {
      cpuFreeAtMs = cpuEndMs;
      return cpuEndMs - arrivalMs;
    }
    gpuFreeAtMs = gpuEndMs;
    return gpuEndMs - arrivalMs;
  });
}
