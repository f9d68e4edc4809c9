import { err, ok, type ChunkAttempt, type OutOfMemoryEvent, type Result, type SplitReason } from '@gearshift/contracts';
import type { ChunkError, OperandVersion } from '../errors/chunk-error.js';
import { chunkChannel, oomChannel, splitChannel } from '../channels.js';
import { DoneRanges, type Range } from '../ranges.js';
import { checkLimits } from '../sizing/chunk-limits.js';
import { splitReason } from '../sizing/next-chunk.js';
import { AttemptLog } from './attempt-log.js';
import type { ChunkFailure, ChunkWork, Completed, Rejection } from './chunk-work.js';
import { judgeAnswer } from './judge-answer.js';
import { Lane, type Piece } from './lane.js';
import { isEndOfPlace, othersMaySucceed, standInMayHelp } from './recovery.js';
import { afterOutOfMemory, waitForRoom } from './room.js';
import type { CheckedRun } from './run-options.js';
import { Watch, type StopKind } from './watch.js';

/** After so many faults in a row the stand-in does the rest. */
const MOST_FAULTS_IN_A_ROW = 4;

const STOPPED: Readonly<Record<StopKind, string>> = {
  aborted: 'aborted by the caller',
  'deadline-exceeded': 'the deadline passed',
};

/** What an earlier run, that this one resumes, left behind. */
export interface Unfinished {
  readonly done: readonly Range[];
  readonly attempts: readonly ChunkAttempt[];
  readonly attemptCount: number;
}

/**
 * One run: does piece after piece in ascending order. At the end either all items are done, or one error says which are.
 * Every turn of its loop finishes a piece, gives one up for good, tries one again for the only time, or makes the next one
 * smaller, so it ends.
 */
export class ChunkRun<V, E, O> {
  readonly #work: ChunkWork<V, E, O>;
  readonly #run: CheckedRun<unknown>;
  readonly #watch: Watch;
  readonly #done: DoneRanges;
  readonly #log: AttemptLog;
  /** As they were at the start. */
  readonly #operands: readonly OperandVersion[];
  readonly #primary: Lane<V, E>;
  #standIn: Lane<V, E> | undefined;
  /** Up to here the stand-in does the work. */
  #standInUntil = 0;
  #faultsInARow = 0;
  /** Pieces that were finished or left out. */
  #chunks = 0;
  #fallbackItems = 0;
  /** The size of a piece that is tried again as it is; Infinity when none is. */
  #retryItems = Infinity;
  #isSplitTold = false;
  /** With `onFault: 'collect'`: what will be reported. */
  #firstFailure: ChunkFailure | null = null;

  constructor(work: ChunkWork<V, E, O>, run: CheckedRun<unknown>, earlier?: Unfinished) {
    this.#work = work;
    this.#run = run;
    const deadlineAtMs = run.deadlineMs === Infinity ? Infinity : run.clock() + run.deadlineMs;
    this.#watch = new Watch(run.signal, deadlineAtMs, run.clock, run.timers);
    this.#done = new DoneRanges(earlier?.done);
    this.#log = new AttemptLog(earlier?.attempts, earlier?.attemptCount);
    this.#operands =
      run.operands.length === 0 ? run.operands : run.operands.map(({ id, version }) => ({ id, version }));
    this.#primary = new Lane(work.call, run.limits, false, run.clock);
  }

  /** @param pending what is to be done, ascending. */
  async start(pending: readonly Range[]): Promise<Result<Completed, ChunkError<E, O>>> {
    for (const { start, end } of pending) {
      let position = start;
      while (position < end) {
        const step = await this.#step(position, end);
        if (typeof step !== 'number') return this.fail(step);
        position = step;
      }
    }
    return this.#firstFailure === null ? ok(this.#completed()) : this.fail(this.#firstFailure);
  }

  /** The error of a run that ended with this failure, with all that is done. */
  fail(failure: ChunkFailure): { readonly ok: false; readonly error: ChunkError<E, O> } {
    const { kind, message, chunkIndex, start, end, fallback } = failure;
    const who = fallback ? `${this.#run.name}, stand-in` : this.#run.name;
    return err({
      kind,
      message: `${who}: items [${start}, ${end}): ${message}`,
      chunkIndex,
      range: { start, end },
      cause: failure.cause as ChunkError<E, O>['cause'],
      partial: {
        output: this.#work.output(),
        total: this.#work.total,
        done: this.#done.toArray(),
        remaining: this.#done.remaining(this.#work.total),
        attempts: this.#log.toArray(),
        attemptCount: this.#log.count,
        operands: this.#operands,
      },
    });
  }

  /** Gets on from `position`: where to go on from, which may be the same place with a smaller piece, or why the run ends. */
  async #step(position: number, end: number): Promise<number | ChunkFailure> {
    const lane = position < this.#standInUntil ? this.#standInLane() : this.#primary;
    const laneEnd = lane.isStandIn ? Math.min(end, this.#standInUntil) : end;
    const stop = this.#whyStop();
    if (stop !== null) return this.#failure(stop, position, laneEnd, lane.isStandIn);
    const piece =
      lane.take(position, laneEnd, this.#retryItems) ??
      (await waitForRoom(lane, position, laneEnd, this.#run, this.#watch, () => this.#whyStop()));
    if ('kind' in piece) return this.#recover(this.#failure(piece, position, laneEnd, lane.isStandIn));

    if (piece.end - position < this.#work.total) this.#tellSplit(lane, piece);
    const attempt = await this.#attempt(lane, piece);
    const { outcome, message = '', cause = null } = attempt;
    if (outcome === 'success') return this.#finish(lane, piece);
    if (outcome === 'out-of-memory' && (await this.#tryAgain(lane, piece, laneEnd))) return position;
    return this.#recover(this.#failure({ kind: outcome, message, cause }, position, piece.end, lane.isStandIn));
  }

  #attempt(lane: Lane<V, E>, piece: Piece): Promise<ChunkAttempt> {
    if (!chunkChannel.hasSubscribers) return this.#call(lane, piece);
    const { start, end } = piece;
    const event = { name: this.#run.name, chunkIndex: this.#chunks, start, end, fallback: lane.isStandIn };
    return chunkChannel.tracePromise(() => this.#call(lane, piece), event);
  }

  /** Calls the function for one piece. Its memory stays reserved for as long as the call may use it. */
  async #call(lane: Lane<V, E>, { start, end, reservation }: Piece): Promise<ChunkAttempt> {
    const startedMs = this.#run.clock();
    const settled = await this.#watch.call((signal) => lane.call(start, end, signal), this.#run.chunkTimeoutMs);
    if (reservation !== null) {
      if (settled.how === 'given-up') reservation.releaseAfter(settled.late);
      else reservation.release();
    }
    const judgement = judgeAnswer(settled, this.#work, start, end, this.#run.classifyError);
    const latencyMs = this.#run.clock() - startedMs;
    const call = { chunkIndex: this.#chunks, start, end, latencyMs, fallback: lane.isStandIn };
    const attempt: ChunkAttempt =
      judgement === null
        ? { ...call, outcome: 'success' }
        : { ...call, outcome: judgement.kind, message: judgement.message, cause: judgement.cause };
    this.#log.add(attempt);
    return attempt;
  }

  #finish(lane: Lane<V, E>, { start, end }: Piece): number {
    this.#done.add(start, end);
    this.#chunks += 1;
    this.#retryItems = Infinity;
    if (lane.isStandIn) this.#fallbackItems += end - start;
    else this.#faultsInARow = 0;
    lane.succeeded(end - start);
    return end;
  }

  /** Whether a piece that ran out of memory is tried again, as it is or smaller. */
  async #tryAgain(lane: Lane<V, E>, piece: Piece, laneEnd: number): Promise<boolean> {
    const items = piece.end - piece.start;
    const mayRetry = this.#retryItems === Infinity;
    const action = await afterOutOfMemory(lane, piece, laneEnd, mayRetry, this.#run, this.#watch);
    if (oomChannel.hasSubscribers) {
      const { start, end } = piece;
      const where = { name: this.#run.name, chunkIndex: this.#chunks, start, end, fallback: lane.isStandIn };
      const event: OutOfMemoryEvent = { ...where, bytes: piece.reservation?.bytes ?? 0, action };
      oomChannel.publish(event);
    }
    this.#retryItems = items;
    return action !== 'give-up';
  }

  /** Where to go on after a piece failed for good: with the stand-in, after the piece, or nowhere. */
  #recover(failure: ChunkFailure): number | ChunkFailure {
    const { kind, start, end } = failure;
    this.#retryItems = Infinity;
    if (this.#run.onFault === 'cpu' && !failure.fallback && standInMayHelp(kind)) {
      this.#faultsInARow += 1;
      const isOver = isEndOfPlace(kind) || this.#faultsInARow >= MOST_FAULTS_IN_A_ROW;
      this.#standInUntil = isOver ? Infinity : end;
      return start;
    }
    if (this.#run.onFault !== 'collect' || !othersMaySucceed(kind)) return failure;
    this.#firstFailure ??= failure;
    this.#chunks += 1;
    return end;
  }

  #whyStop(): Rejection | null {
    const stop = this.#watch.reasonToStop();
    if (stop !== null) return { kind: stop, message: STOPPED[stop] };
    const changed = this.#work.whatChanged() ?? (this.#operands.length > 0 ? this.#changedOperand() : null);
    return changed === null ? null : { kind: 'invalid-input', message: changed };
  }

  #changedOperand(): string | null {
    for (const [index, { id, version }] of this.#operands.entries()) {
      const now = this.#run.operands[index].version;
      if (now !== version) return `operand ${id} changed from version ${version} to ${now} during the run`;
    }
    return null;
  }

  #standInLane(): Lane<V, E> {
    const { maxChunkItems } = this.#run.limits;
    const limits = checkLimits({ maxChunkItems });
    return (this.#standIn ??= new Lane(this.#work.standIn ?? this.#work.call, limits, true, this.#run.clock));
  }

  #tellSplit(lane: Lane<V, E>, { start, end }: Piece): void {
    if (this.#isSplitTold) return;
    this.#isSplitTold = true;
    if (!splitChannel.hasSubscribers) return;
    const reason: SplitReason = this.#log.count > 0 ? 'out-of-memory' : splitReason(lane.limits, lane.sizer);
    splitChannel.publish({ name: this.#run.name, total: this.#work.total, chunkItems: end - start, reason });
  }

  #failure(
    { kind, message, cause = null }: Rejection & { readonly cause?: unknown },
    start: number,
    end: number,
    fallback: boolean,
  ): ChunkFailure {
    return { kind, message, cause, chunkIndex: this.#chunks, start, end, fallback };
  }

  #completed(): Completed {
    return {
      total: this.#work.total,
      chunks: this.#chunks,
      attempts: this.#log.toArray(),
      attemptCount: this.#log.count,
      fallbackItems: this.#fallbackItems,
    };
  }
}
