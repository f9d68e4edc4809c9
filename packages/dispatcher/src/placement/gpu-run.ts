import type { AttemptReport, Operand, PreparedRequest } from '@gearshift/contracts';
import { reserveWhole, type ChunkLimits, type OutOfMemoryEvent } from '@gearshift/splitter';
import { missingBytes } from '../bytes-to-upload.js';
import { outOfMemoryChannel } from '../channels.js';
import { hangLimitMs } from '../failures/hang-limit.js';
import { DONE, FAILED, type DeviceTurn, type TurnEnd, type UnfinishedRun } from './device-turn.js';
import type { GpuPlace } from './gpu-place.js';
import { runHopByHop } from './hop-by-hop.js';
import { runPieces } from './piece-run.js';
import { cutIntoPieces } from './pieces.js';

/**
 * Runs a request on a GPU: sends the operand there first if it is to stay, does the request at once where the device has
 * the memory, and otherwise in pieces, each of which falls back by itself.
 */
export async function runOnGpu(turn: DeviceTurn, place: GpuPlace): Promise<TurnEnd> {
  const { backend, job } = turn;
  const operand = operandOf(job.request);
  if (turn.keep) {
    await keepOperand(turn, place, operand);
    if (job.signal?.aborted === true) return FAILED;
  }
  const endUse = place.residents.use(operand, turn.savingMs);
  try {
    const limits = place.memory.limitsFor(job.work, missingBytes(backend, job.request, job.work) === 0);
    const whole = reserveWhole(job.work.batchSize, limits);
    if (whole === null) return await runInPieces(turn, limits);
    let attempt: AttemptReport;
    try {
      const { fallback, probe, predictedMs, standIns } = turn;
      const last = standIns.length === 0;
      attempt = await turn.means.attempts.run(backend, job, { fallback, last, probe, predictedMs });
    } finally {
      whole.release();
    }
    turn.reports.push(attempt);
    if (attempt.outcome === 'success') {
      limits.sizer?.succeeded(job.work.batchSize, sizeUnit(limits));
      return DONE;
    }
    if (attempt.outcome !== 'out-of-memory') return FAILED;
    const action = afterOutOfMemory(turn, place, limits, whole.bytes, attempt);
    if (action === 'give-up') {
      place.breaker.smallestChunkFailed(attempt.latencyMs);
      return FAILED;
    }
    return await runInPieces(turn, limits, undefined, action === 'retry');
  } finally {
    endUse();
  }
}

/** Goes on where a run ended early: with pieces of what remains, on this device and its stand-ins. */
export async function resumeOnDevice(turn: DeviceTurn, unfinished: UnfinishedRun): Promise<TurnEnd> {
  const { backend, place, job } = turn;
  if (place === undefined) return runInPieces(turn, {}, unfinished);
  const operand = operandOf(job.request);
  if (turn.keep) await keepOperand(turn, place, operand);
  const endUse = place.residents.use(operand, turn.savingMs);
  try {
    const holdsOperand = missingBytes(backend, job.request, job.work) === 0;
    return await runInPieces(turn, place.memory.limitsFor(job.work, holdsOperand), unfinished);
  } finally {
    endUse();
  }
}

/** @param hasFreed idle memory was freed already for the first piece. */
function runInPieces(
  turn: DeviceTurn,
  limits: ChunkLimits,
  unfinished?: UnfinishedRun,
  hasFreed = false,
): Promise<TurnEnd> {
  const { request, output } = turn.job;
  if (request.operation === 'spread-activation' && request.hops !== 1) {
    return runHopByHop(turn, request, limits, unfinished);
  }
  const pieces = cutIntoPieces(request, output, unfinished !== undefined);
  return runPieces(turn, pieces, limits, { unfinished, hasFreed });
}

/** The same size once more if there was something to free, otherwise smaller, if it can be smaller. */
function afterOutOfMemory(
  { backend, job, fallback }: DeviceTurn,
  { memory, residents }: GpuPlace,
  limits: ChunkLimits,
  bytes: number,
  { error }: AttemptReport,
): OutOfMemoryEvent['action'] {
  const { batchSize } = job.work;
  let action: OutOfMemoryEvent['action'] = 'retry';
  // At least something: that it did not fit says that the model of what it needs may be wrong.
  if (!residents.makeRoom(Math.max(1, bytes, error?.requestedBytes ?? 0))) {
    memory.budget.recordOutOfMemory(bytes);
    limits.sizer?.ranOutOfMemory(batchSize, sizeUnit(limits), memory.budget.lastFreeBytes());
    action = batchSize > 1 ? 'shrink' : 'give-up';
  }
  if (outOfMemoryChannel.hasSubscribers) {
    const event: OutOfMemoryEvent = {
      name: backend.id,
      chunkIndex: 0,
      start: 0,
      end: batchSize,
      fallback,
      bytes,
      action,
    };
    outOfMemoryChannel.publish(event);
  }
  return action;
}

/** As the splitter counts: bytes where items have bytes, else items. */
function sizeUnit({ bytesPerItem = 0 }: ChunkLimits): number {
  return bytesPerItem === 0 ? 1 : bytesPerItem;
}

/** What cannot be kept is sent with the request instead: that the device has no room, or failed, is no failure of the run. */
async function keepOperand(turn: DeviceTurn, place: GpuPlace, operand: Operand): Promise<void> {
  const { work, signal } = turn.job;
  const { policy, clock, hangLimits } = turn.means;
  const startedAtMs = clock();
  const sent = await place.residents.keep(operand, {
    bytes: work.operandBytes,
    isPinned: work.expectedUses === Infinity,
    // Transfers vary more than kernels: others use the same bus, and pages may have to be found first.
    limitMs: Math.max(hangLimits.unpredictedMs, hangLimitMs(turn.predictedMs, hangLimits)),
    signal,
    onSent: (sample) => policy.observeUpload?.(sample),
  });
  // The probe's own record is that of the request, which follows.
  if (!sent.ok) place.breaker.record(sent.error.kind, clock() - startedAtMs, false);
}

function operandOf(request: PreparedRequest): Operand {
  return request.operation === 'spread-activation' ? request.graph : request.matrix;
}
