import { err, ok, type Backend, type BackendError, type Result } from '@gearshift/contracts';
import { resume, runRanges, type ChunkErrorKind, type ChunkLimits, type RangeFunction } from '@gearshift/splitter';
import type { AttemptPlan, Job } from '../attempt-runner.js';
import { isCallersMistake } from '../failures/guarded-attempts.js';
import { describeWork } from '../describe-work.js';
import { DONE, type DeviceTurn, type TurnEnd, type UnfinishedRun } from './device-turn.js';
import type { Pieces } from './pieces.js';

export interface PieceRunState {
  readonly unfinished?: UnfinishedRun | undefined;
  /** Idle memory was freed already for the first piece: it is not freed again before the piece gets smaller. */
  readonly hasFreed: boolean;
}

/** No attempt was made, because of the device's breaker. */
const NOT_TRIED = 'not-tried';
type PieceError = BackendError | typeof NOT_TRIED | undefined;

/** Does piece after piece on the device, and what fails there on its stand-ins. */
export async function runPieces(
  turn: DeviceTurn,
  pieces: Pieces,
  limits: ChunkLimits,
  { unfinished, hasFreed }: PieceRunState,
): Promise<TurnEnd> {
  const { backend, place, job, means, standIns, fallback } = turn;
  const { clock, timers } = means;
  let { probe } = turn;
  let mayFree = !hasFreed;
  let mistake: TypeError | RangeError | undefined;

  const run = async (device: Backend, start: number, end: number, signal: AbortSignal, plan: AttemptPlan) => {
    try {
      return await runPiece(device, pieces, start, end, signal, plan, turn);
    } catch (thrown) {
      if (isCallersMistake(thrown)) mistake ??= thrown;
      throw thrown;
    }
  };
  const onChosen: RangeFunction<PieceError> = (start, end, signal) => {
    const isBlocked = place !== undefined && place.breaker.state !== 'closed' && !probe;
    if (isBlocked && standIns.length > 0) return err(NOT_TRIED);
    const predictedMs = (turn.predictedMs * (end - start)) / pieces.items;
    const plan = { fallback, last: standIns.length === 0, probe, predictedMs };
    probe = false;
    return run(backend, start, end, signal, plan);
  };
  const onOthers: RangeFunction<PieceError> = async (start, end, signal) => {
    let result: Result<void, PieceError> = err(NOT_TRIED);
    for (const [index, standIn] of standIns.entries()) {
      const state = means.places.get(standIn)?.breaker.state ?? 'closed';
      if (state !== 'closed') continue;
      const last = index === standIns.length - 1;
      result = await run(standIn, start, end, signal, { fallback: true, last, probe: false, predictedMs: NaN });
      if (result.ok || signal.aborted) break;
    }
    return result;
  };
  const options = {
    ...limits,
    name: backend.id,
    signal: job.signal,
    // Each attempt has a limit of its own, which knows what was predicted.
    chunkTimeoutMs: Infinity,
    freeIdleMemory: () => {
      const mayFreeNow = mayFree;
      mayFree = true;
      return mayFreeNow && place?.residents.makeRoom(Infinity) === true;
    },
    classifyError: (error: unknown) => kindOf(error as PieceError, mistake !== undefined),
    clock,
    timers,
    ...(standIns.length > 0 ? { onFault: 'cpu' as const, fallback: onOthers } : { onFault: 'stop' as const }),
  };
  const result =
    unfinished === undefined
      ? await runRanges(pieces.items, options, onChosen)
      : await resume({ ...NOTHING_MORE, ...unfinished }, options, onChosen);
  if (mistake !== undefined) throw mistake;
  if (result.ok ? result.value.fallbackItems > 0 : result.error.kind === 'out-of-memory') blameMemory(turn);
  if (result.ok) return DONE;
  const { kind, cause, partial } = result.error;
  const { total, done, remaining } = partial;
  const isShortOfMemory = kind === 'item-too-large' || (kind === 'overloaded' && cause !== NOT_TRIED);
  return { kind: 'partial', partial: { total, done, remaining }, isShortOfMemory };
}

const NOTHING_MORE = { output: null, attempts: [], attemptCount: 0, operands: [] };

/** One piece on one device. Its answer is taken over in the same turn in which the run is known to still want it. */
async function runPiece(
  backend: Backend,
  pieces: Pieces,
  start: number,
  end: number,
  signal: AbortSignal,
  plan: AttemptPlan,
  { means, reports }: DeviceTurn,
): Promise<Result<void, PieceError>> {
  const { request, output } = pieces.piece(start, end);
  const job: Job = { request, output, ownsOutput: true, work: describeWork(request), signal };
  const attempt = await means.attempts.run(backend, job, plan);
  reports.push(attempt);
  if (attempt.outcome !== 'success') return err(attempt.error);
  if (!signal.aborted) pieces.accept(start, end, job.output);
  return ok(undefined);
}

/** For the splitter. What a device calls invalid or unsupported, another may well do: the request itself was checked. */
function kindOf(error: PieceError, isCallersMistake: boolean): ChunkErrorKind | undefined {
  if (isCallersMistake) return 'invalid-input';
  // The rest of the run has nothing to look for there.
  if (error === NOT_TRIED) return 'overloaded';
  return error?.kind === 'invalid-input' || error?.kind === 'unsupported' ? 'chunk-failed' : undefined;
}

/** Whoever runs out of memory goes on with smaller pieces, unless there is none: so that was the smallest. */
function blameMemory({ backend, place, reports }: DeviceTurn): void {
  const lastHere = reports.findLast((report) => report.backend === backend.id);
  if (lastHere?.outcome === 'out-of-memory') place?.breaker.smallestChunkFailed(lastHere.latencyMs);
}
