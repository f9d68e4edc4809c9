import {
  err,
  ok,
  type AttemptReport,
  type Backend,
  type BackendError,
  type Operand,
  type PreparedRequest,
  type Result,
} from '@gearshift/contracts';
import { reserveWhole, resume, runRanges, type ChunkLimits, type PartialRun, type RangeFunction } from '@gearshift/splitter';
import type { AttemptRunner, Job } from '../attempt-runner.js';
import { missingBytes } from '../bytes-to-upload.js';
import type { Choice } from '../device-chooser.js';
import type { Timers } from '../failures/timers.js';
import type { DispatchPolicy } from '../policies/dispatch-policy.js';
import { describeWork } from '../work.js';
import type { GpuPlace } from './gpu-place.js';
import { cutIntoPieces, type Pieces } from './pieces.js';

/** Ranges of the request's items: rows from its first, candidates, or nodes. */
export type UnfinishedRun = Pick<PartialRun, 'total' | 'done' | 'remaining'>;

export interface PlacedRunOptions {
  readonly attempts: AttemptRunner;
  readonly policy: DispatchPolicy;
  readonly clock: () => number;
  readonly timers: Timers;
  /** Who does a piece that the chosen device failed at, in this order; nobody in strict mode. */
  readonly standIns: readonly Backend[];
  /** Every attempt is added here as it ends. */
  readonly reports: AttemptReport[];
}

/** How a run on the device that was chosen for it ended: whole, with pieces missing, or without anything done that would have to be kept. */
export type PlacedRunEnd =
  { readonly kind: 'done' } | { readonly kind: 'failed' } | { readonly kind: 'partial'; readonly partial: UnfinishedRun };

const DONE: PlacedRunEnd = { kind: 'done' };
const FAILED: PlacedRunEnd = { kind: 'failed' };

/**
 * Runs a request on the GPU that was chosen for it: sends the operand there first if it is to stay, does the request at
 * once where the device has the memory, and otherwise in pieces, each of which falls back by itself.
 */
export async function runOnGpu(
  choice: Choice,
  place: GpuPlace,
  job: Job,
  options: PlacedRunOptions,
): Promise<PlacedRunEnd> {
  const { attempts, reports } = options;
  const { backend } = choice;
  const operand = operandOf(job.request);
  if (choice.keep) await keepOperand(backend, place, operand, job, options);
  const endUse = place.residents.use(operand, choice.savingMs);
  try {
    const limits = place.memory.limitsFor(job.work, missingBytes(backend, job.request, job.work) === 0);
    let mostItems = Infinity;
    const whole = reserveWhole(job.work.batchSize, limits);
    if (whole !== null) {
      try {
        const { serviceMs: predictedMs, probe } = choice;
        const last = options.standIns.length === 0;
        const attempt = await attempts.run(backend, job, { fallback: false, last, probe, predictedMs });
        reports.push(attempt);
        if (attempt.outcome === 'success') return DONE;
        if (attempt.outcome !== 'out-of-memory') return FAILED;
      } finally {
        whole.release();
      }
      place.memory.budget.recordOutOfMemory(whole.bytes);
      // The same size once more if there was something to free, otherwise it would fail the same way.
      if (!place.residents.makeRoom(whole.bytes)) mostItems = Math.max(1, Math.ceil(job.work.batchSize / 2));
    }
    const pieces = cutIntoPieces(job.request, job.output);
    if (pieces === null) return FAILED;
    return await runPieces(choice, place, job, pieces, options, { ...limits, maxChunkItems: mostItems });
  } finally {
    endUse();
  }
}

/** Goes on where a run ended early, on the device that was chosen for what remains. */
export async function resumeRun(
  choice: Choice,
  place: GpuPlace | undefined,
  job: Job,
  pieces: Pieces,
  unfinished: UnfinishedRun,
  options: PlacedRunOptions,
): Promise<PlacedRunEnd> {
  const holdsOperand = missingBytes(choice.backend, job.request, job.work) === 0;
  const limits = place === undefined ? {} : place.memory.limitsFor(job.work, holdsOperand);
  return runPieces(choice, place, job, pieces, options, limits, unfinished);
}

async function runPieces(
  choice: Choice,
  place: GpuPlace | undefined,
  job: Job,
  pieces: Pieces,
  options: PlacedRunOptions,
  limits: ChunkLimits,
  unfinished?: UnfinishedRun,
): Promise<PlacedRunEnd> {
  const { clock, timers, standIns, reports } = options;
  let { probe } = choice;
  const onChosen: RangeFunction = (start, end, signal) => {
    const predictedMs = (choice.serviceMs * (end - start)) / pieces.items;
    const plan = { fallback: false, last: standIns.length === 0, probe, predictedMs };
    probe = false;
    return runPiece(choice.backend, pieces, start, end, signal, plan, options);
  };
  const onOthers: RangeFunction = async (start, end, signal) => {
    for (const [index, standIn] of standIns.entries()) {
      const plan = { fallback: true, last: index === standIns.length - 1, probe: false, predictedMs: NaN };
      const result = await runPiece(standIn, pieces, start, end, signal, plan, options);
      if (result.ok || signal.aborted || index === standIns.length - 1) return result;
    }
    throw new Error('unreachable: without stand-ins there is no such function');
  };
  const runOptions = {
    ...limits,
    name: choice.backend.id,
    signal: job.signal,
    // Each attempt has a limit of its own, which knows what was predicted.
    chunkTimeoutMs: Infinity,
    freeIdleMemory: () => place?.residents.makeRoom(Infinity) ?? false,
    operands: [{ id: job.work.operandId, version: job.work.operandVersion }],
    clock,
    timers: { setTimeout: (action: () => void, delayMs: number) => timers.after(delayMs, action), clearTimeout: timers.cancel },
    ...(standIns.length > 0 ? { onFault: 'cpu' as const, fallback: onOthers } : { onFault: 'stop' as const }),
  };
  const result =
    unfinished === undefined
      ? await runRanges(pieces.items, runOptions, onChosen)
      : await resume({ ...EMPTY_PARTIAL, ...unfinished, operands: runOptions.operands }, runOptions, onChosen);
  const lastHere = reports.findLast(({ backend }) => backend === choice.backend.id);
  // Whoever runs out of memory goes on with smaller pieces, unless there is none: so this was the smallest.
  if (lastHere?.outcome === 'out-of-memory') place?.breaker.smallestChunkFailed(lastHere.latencyMs);
  if (result.ok) return DONE;
  const { total, done, remaining } = result.error.partial;
  return { kind: 'partial', partial: { total, done, remaining } };
}

const EMPTY_PARTIAL = { output: null, attempts: [], attemptCount: 0 };

/** One piece on one device. Its answer is taken over in the same turn in which the run is known to still want it. */
async function runPiece(
  backend: Backend,
  pieces: Pieces,
  start: number,
  end: number,
  signal: AbortSignal,
  plan: Parameters<AttemptRunner['run']>[2],
  { attempts, reports }: PlacedRunOptions,
): Promise<Result<void, BackendError | undefined>> {
  const { request, output } = pieces.piece(start, end);
  const job: Job = { request, output, ownsOutput: true, work: describeWork(request), signal };
  const attempt = await attempts.run(backend, job, plan);
  reports.push(attempt);
  if (attempt.outcome !== 'success') return err(attempt.error);
  if (!signal.aborted) pieces.accept(start, end, job.output);
  return ok(undefined);
}

/** What cannot be kept is sent with the request instead: that the device has no room, or failed, is no failure of the run. */
async function keepOperand(
  backend: Backend,
  place: GpuPlace,
  operand: Operand,
  { work }: Job,
  { policy, clock }: PlacedRunOptions,
): Promise<void> {
  const startedAtMs = clock();
  const sent = await place.residents.keep(operand, work.operandBytes, work.expectedUses === Infinity);
  const nowMs = clock();
  if (sent.ok) {
    policy.observeUpload?.({
      deviceId: backend.id,
      operandId: work.operandId,
      bytes: work.operandBytes,
      latencyMs: nowMs - startedAtMs,
      nowMs,
    });
  } else if (sent.error.kind === 'device-lost') {
    place.breaker.record('device-lost', nowMs - startedAtMs, false);
  }
}

function operandOf(request: PreparedRequest): Operand {
  return request.operation === 'spread-activation' ? request.graph : request.matrix;
}
