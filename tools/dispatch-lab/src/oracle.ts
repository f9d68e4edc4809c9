import { expectedInPieces, expectedTimes } from './expected-times.js';
import type { LabRequest, Trace } from './traces/trace.js';

/**
 * The latencies when every choice uses information that no policy has: true speeds at every moment, calls that will fail, the
 * true free memory, and data that will be used again. The oracle does not predict noise.
 *
 * @returns the latency of each request, in milliseconds, with the same noise as for the policies.
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
 * Data sets are used repeatedly and stay where they were uploaded. An upload pays if it saves more than it costs over all
 * uses, and then it is best before the first use.
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

/** Each request runs where it will finish first, by true times, behind the earlier choices. Latency from arrival to finish. */
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
