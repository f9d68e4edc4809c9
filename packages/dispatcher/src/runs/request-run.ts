import { reserveAll, RunLimit } from '@gearshift/splitter/engine';
import { hangLimitMs } from '../attempts/hang-limit.js';
import type { Job } from '../attempts/job.js';
import { acceptsRequest, missingBytes, type Device, type DeviceGuard } from '../devices/device.js';
import { ChunkedRun, DONE, NOTHING_DONE, type RunEnd, type UnfinishedRun, type WholeAttempt } from './chunked-run.js';
import { runReachable } from './reachable-rows.js';
import type { RunAttempts } from './run-attempts.js';

/**
 * Runs a request on the chosen device, and on its fallbacks when that fails.
 *
 * @param order the chosen device, then its fallbacks in order; the chosen one alone in strict mode.
 * @param unfinished the done and remaining items of an earlier run.
 * @throws the TypeError or RangeError of the last backend that was tried, and errors of the policy and the tracker.
 */
export async function runRequest(
  job: Job,
  order: readonly Device[],
  attempts: RunAttempts,
  limit: RunLimit | undefined,
  unfinished: UnfinishedRun | undefined,
): Promise<RunEnd> {
  const { choice, context } = attempts;
  const { device, keep, serviceMs } = choice;
  attempts.enterQueue(device, serviceMs);
  try {
    const devices = [device];
    for (const other of order) if (other !== device && acceptsRequest(other, job.request)) devices.push(other);
    let mayTryWhole = unfinished === undefined;
    if (keep && device.guard !== undefined) {
      await keepOperand(device.guard, job, attempts, limit?.signal);
      if (limit !== undefined && limit.reasonToStop() !== null) return NOTHING_DONE;
      mayTryWhole &&= attempts.isOpen(device, devices.length === 1);
    }
    attempts.use(device);
    const first = mayTryWhole ? await tryWhole(job, devices.length === 1, attempts) : undefined;
    if (first === 'done') return DONE;
    if (attempts.thrown === undefined) {
      const runLimit = limit ?? new RunLimit(undefined, Infinity, context.clock, context.timers);
      const whole = await new ChunkedRun(job, devices, attempts, runLimit).run(unfinished, first);
      const end = await runReachable(job, device, attempts, runLimit, whole, unfinished);
      if (attempts.thrown === undefined) return end;
    }
    throw attempts.thrown.error;
  } finally {
    attempts.end();
  }
}

/** Runs the request as a whole. Most requests fit in the memory of the chosen device and succeed there without being cut. */
async function tryWhole(job: Job, isOnly: boolean, attempts: RunAttempts): Promise<WholeAttempt | 'done' | undefined> {
  const { device, serviceMs: predictedMs } = attempts.choice;
  const { request, work } = job;
  const total = work.batchSize;
  const limits = device.guard?.memory.limitsFor(work, missingBytes(device.backend, request, work) === 0);
  const reservation = limits === undefined ? null : reserveAll(total, limits);
  if (reservation === undefined) return undefined;
  const startedMs = attempts.context.clock();
  const chunk = { start: 0, end: total, reservation };
  try {
    const value = await attempts.run(device, job, { isAll: true, last: isOnly, share: 1, predictedMs });
    if (!value.ok) return { chunk, startedMs, end: { how: 'returned', value } };
    limits?.sizer?.succeeded(total, limits.unitBytes);
    return 'done';
  } catch (error) {
    return { chunk, startedMs, end: { how: 'threw', error } };
  } finally {
    reservation?.release();
  }
}

/** Uploads the operand to stay. When it does not fit or the upload fails, the run continues and the request uploads it. */
async function keepOperand(
  { residents, breaker }: DeviceGuard,
  { operation, request, work }: Job,
  { choice, context }: RunAttempts,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { policy, clock, hangLimits } = context;
  const startedAtMs = clock();
  const sent = await residents.keep(operation.operandOf(request), {
    bytes: work.operandBytes,
    isPinned: work.expectedUses === Infinity,
    // Transfers vary more than kernels: the bus is shared, and memory pages may have to be loaded first.
    limitMs: Math.max(hangLimits.unpredictedMs, hangLimitMs(choice.serviceMs, hangLimits)),
    signal,
    onSent: (sample) => policy.observeUpload?.(sample),
  });
  // Not recorded as the probe: the request that follows is.
  if (!sent.ok) breaker.record(sent.error.kind, clock() - startedAtMs, false);
}
