import { err, ok, type ChunkAttempt, type OutOfMemoryEvent, type Result, type SplitReason } from '@gearshift/contracts';
import { chunkChannel, oomChannel, splitChannel } from '../channels.js';
import type { ChunkError, OperandVersion } from '../errors/chunk-error.js';
import { DoneRanges, type Range } from '../ranges.js';
import { splitReason } from '../sizing/next-chunk.js';
import { AttemptLog } from './attempt-log.js';
import type { ChunkFailure, ChunkWork, Rejection, RunSummary } from './chunk-work.js';
import { guardedCall } from './guarded-call.js';
import { judgeAnswer, stopped, type Judgement } from './judge-answer.js';
import { Lane, type LaneOptions, type ReservedChunk } from './lane.js';
import { afterOutOfMemory, waitForMemory } from './memory-wait.js';
import { fallbackMayHelp, isEndOfLane, othersMaySucceed } from './recovery.js';
import { RunLimit } from './run-limit.js';
import type { CheckedRun, EngineOptions } from './run-options.js';
import { WorkQueue, type QueuedRange } from './work-queue.js';

/** Runs the work on the lanes, the first of which is preferred, and resumes `earlier` where it is given. */
export async function runOnLanes<V, E, O>(
  work: ChunkWork<V, O>,
  lanes: readonly LaneOptions<V, E>[],
  run: CheckedRun,
  pending: readonly Range[],
  earlier?: EarlierRun,
): Promise<Result<RunSummary, ChunkError<E, O>>> {
  const limit = new RunLimit(run.signal, run.deadlineMs, run.clock, run.timers);
  try {
    return await new ChunkRun(work, lanes, run, limit, earlier).start(pending);
  } finally {
    limit.release();
  }
}

/** What an earlier run, that this one resumes, left behind. */
export interface EarlierRun {
  readonly done: readonly Range[];
  readonly attempts: readonly ChunkAttempt[];
  readonly attemptCount: number;
}

/**
 * One run: cuts the work into chunks that fit, in ascending order, and does each on the first lane that takes it. At the end
 * either all items are done, or one error says which are.
 *
 * Every turn of a worker finishes a chunk, hands it to the next lane, leaves it out, makes it smaller, or tries it again one of a
 * limited number of times, so a run ends.
 */
export class ChunkRun<V, E, O> {
  readonly #work: ChunkWork<V, O>;
  readonly #lanes: readonly Lane<V, E>[];
  readonly #run: EngineOptions;
  readonly #limit: RunLimit;
  readonly #done: DoneRanges;
  readonly #log: AttemptLog;
  /** As they were at the start. */
  readonly #operands: readonly OperandVersion[];
  readonly #queue = new WorkQueue();
  /** Chunks that were finished or left out. */
  #chunks = 0;
  #fallbackItems = 0;
  #isSplitAnnounced = false;
  /** No call begins before: an error asked for a pause. */
  #pausedUntilMs = 0;
  /** Ends the run. */
  #failure: ChunkFailure | null = null;
  /** With `onFault: 'collect'`: what will be reported. */
  #firstLeftOut: ChunkFailure | null = null;

  /** @param limit stays the caller's to release. */
  constructor(
    work: ChunkWork<V, O>,
    lanes: readonly LaneOptions<V, E>[],
    run: EngineOptions,
    limit: RunLimit,
    earlier?: EarlierRun,
  ) {
    this.#work = work;
    this.#run = run;
    this.#lanes = lanes.map((lane, index) => new Lane(lane, index, run.clock));
    this.#limit = limit;
    this.#done = new DoneRanges(earlier?.done);
    this.#log = new AttemptLog(earlier?.attempts, earlier?.attemptCount);
    this.#operands =
      run.operands.length === 0 ? run.operands : run.operands.map(({ id, version }) => ({ id, version }));
  }

  /** @param pending what is to be done, ascending. */
  async start(pending: readonly Range[]): Promise<Result<RunSummary, ChunkError<E, O>>> {
    for (const { start, end } of pending) if (start < end) this.#queue.add({ start, end });
    const workers = Math.min(this.#run.concurrency, Math.max(1, this.#work.total));
    if (workers === 1) await this.#runWorker();
    else await Promise.all(Array.from({ length: workers }, () => this.#runWorker()));
    const failure = this.#failure ?? this.#firstLeftOut;
    return failure === null ? ok(this.#summary()) : this.#error(failure);
  }

  async #runWorker(): Promise<void> {
    while (this.#failure === null) {
      const range = this.#queue.take();
      if (range === undefined) {
        if (!this.#queue.isBusy) return;
        await this.#queue.changed();
        continue;
      }
      try {
        await this.#advance(range);
      } finally {
        this.#queue.release();
      }
    }
  }

  /** Does the next chunk of the range, and puts back what is left of it. */
  async #advance(range: QueuedRange): Promise<void> {
    const lane = this.#laneFor(range);
    if (lane === undefined) {
      this.#failure ??= range.failure ?? this.#failed({ kind: 'overloaded', message: 'no device takes it' }, range, range.end);
      return;
    }
    this.#queue.absorbNeighbours(range, (other) => this.#laneFor(other) === lane);
    const { start, end } = range;
    if (this.#pausedUntilMs > 0) await this.#waitForPause();
    const stop = this.#whyStop();
    if (stop !== null) return this.#giveUp(this.#failed(stop, range, end, lane));
    const chunk =
      lane.take(start, end, range.mostItems) ??
      (await waitForMemory(lane, start, end, this.#run, this.#limit, () => this.#whyStop()));
    if ('kind' in chunk) return this.#recover(range, lane, this.#failed(chunk, range, end, lane));

    const laneEnd = end;
    if (chunk.end < end) {
      this.#queue.add({ start: chunk.end, end, lane: range.lane });
      range.end = chunk.end;
    }
    if (chunk.end - start < this.#work.total) this.#announceSplit(lane, chunk);
    range.chunkIndex ??= this.#queue.nextChunkIndex();
    const judgement = await this.#attempt(lane, chunk, range.chunkIndex);
    if (judgement === null) this.#finish(lane, chunk);
    else if (!(await this.#tryAgain(range, lane, chunk, laneEnd, judgement))) {
      this.#recover(range, lane, this.#failed(judgement, range, chunk.end, lane));
    }
  }

  /** The first lane that may do it and takes work now; undefined when there is none. */
  #laneFor({ lane }: QueuedRange): Lane<V, E> | undefined {
    for (let index = lane; index < this.#lanes.length; index++) {
      const candidate = this.#lanes[index];
      if (!candidate.isClosed && candidate.options.isOpen()) return candidate;
    }
    return undefined;
  }

  async #attempt(lane: Lane<V, E>, chunk: ReservedChunk, chunkIndex: number): Promise<Judgement | null> {
    if (!chunkChannel.hasSubscribers) return this.#call(lane, chunk, chunkIndex);
    const { start, end } = chunk;
    const event = { name: lane.options.name, chunkIndex, start, end, fallback: lane.isFallback };
    let judgement: Judgement | null = null;
    await chunkChannel.tracePromise(async () => {
      judgement = await this.#call(lane, chunk, chunkIndex);
      return this.#log.last;
    }, event);
    return judgement;
  }

  /** Calls the lane for one chunk. Its memory stays reserved for as long as the call may use it. */
  async #call(lane: Lane<V, E>, chunk: ReservedChunk, chunkIndex: number): Promise<Judgement | null> {
    const { start, end, reservation } = chunk;
    const { call, chunkTimeoutMs, settlesWhenAborted, classifyError } = lane.options;
    const { clock, timers } = this.#run;
    const startedMs = clock();
    const settled = await guardedCall((signal) => call(start, end, signal), {
      signal: this.#limit.signal,
      limitMs: chunkTimeoutMs,
      abortGraceMs: settlesWhenAborted(start, end) ? Infinity : 0,
      timers,
    });
    if (settled.how === 'given-up') reservation?.releaseAfter(settled.late);
    else reservation?.release();
    const judgement = judgeAnswer(settled, this.#limit.reasonToStop(), this.#work, start, end, classifyError);
    const attempt = { chunkIndex, start, end, latencyMs: clock() - startedMs, fallback: lane.isFallback };
    if (judgement === null) this.#log.add({ ...attempt, outcome: 'success' });
    else {
      const { kind, message, cause } = judgement;
      this.#log.add({ ...attempt, outcome: kind, message, cause });
    }
    return judgement;
  }

  #finish(lane: Lane<V, E>, { start, end }: ReservedChunk): void {
    this.#done.add(start, end);
    this.#chunks += 1;
    if (lane.isFallback) this.#fallbackItems += end - start;
    lane.succeeded(end - start);
    this.#announceProgress();
  }

  /** Puts the chunk back for the same lane, as it is or to be made smaller; false when it failed for good there. */
  async #tryAgain(
    range: QueuedRange,
    lane: Lane<V, E>,
    chunk: ReservedChunk,
    laneEnd: number,
    { kind, message, error }: Judgement,
  ): Promise<boolean> {
    if (kind === 'out-of-memory') {
      const mayRetry = range.mostItems === Infinity;
      const action = await afterOutOfMemory(lane, chunk, laneEnd, mayRetry, this.#run, this.#limit);
      this.#announceOutOfMemory(lane, chunk, range, action);
      if (action === 'give-up') return false;
      this.#queue.add({ ...range, mostItems: chunk.end - chunk.start });
      return true;
    }
    const attempt = range.failures + 1;
    const retry = this.#run.retry?.next({ kind, message, error, attempt }) ?? null;
    if (retry === null || this.#whyStop() !== null) return false;
    if (retry.isAskedFor) this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#run.clock() + retry.delayMs);
    else await this.#limit.pause(retry.delayMs);
    this.#queue.add({ ...range, failures: attempt, mostItems: chunk.end - chunk.start });
    return true;
  }

  /** After a chunk failed for good on a lane: the next lane does it, or the run leaves it out, or ends. */
  #recover(range: QueuedRange, lane: Lane<V, E>, failure: ChunkFailure): void {
    const { kind, start, end } = failure;
    if (lane.index + 1 < this.#lanes.length && fallbackMayHelp(kind)) {
      lane.failed(isEndOfLane(kind));
      this.#queue.add({ start, end, lane: lane.index + 1, chunkIndex: range.chunkIndex, failure });
      return;
    }
    this.#giveUp(failure);
  }

  #giveUp(failure: ChunkFailure): void {
    if (this.#run.onFault !== 'collect' || !othersMaySucceed(failure.kind)) {
      this.#failure ??= failure;
      return;
    }
    this.#firstLeftOut ??= failure;
    this.#chunks += 1;
  }

  /** Waits as long as an error asked for, or until the run has to end. */
  async #waitForPause(): Promise<void> {
    for (;;) {
      const leftMs = this.#pausedUntilMs - this.#run.clock();
      if (leftMs <= 0 || this.#whyStop() !== null) return;
      await this.#limit.pause(leftMs);
    }
  }

  #whyStop(): Rejection | null {
    const stop = this.#limit.reasonToStop();
    if (stop !== null) return stopped(stop);
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

  #announceSplit(lane: Lane<V, E>, { start, end }: ReservedChunk): void {
    if (this.#isSplitAnnounced) return;
    this.#isSplitAnnounced = true;
    if (!splitChannel.hasSubscribers) return;
    const reason: SplitReason = this.#log.count > 0 ? 'out-of-memory' : splitReason(lane.limits, lane.sizer);
    splitChannel.publish({ name: this.#run.name, total: this.#work.total, chunkItems: end - start, reason });
  }

  #announceOutOfMemory(
    lane: Lane<V, E>,
    { start, end, reservation }: ReservedChunk,
    { chunkIndex = 0 }: QueuedRange,
    action: OutOfMemoryEvent['action'],
  ): void {
    if (!oomChannel.hasSubscribers) return;
    const where = { name: lane.options.name, chunkIndex, start, end, fallback: lane.isFallback };
    const event: OutOfMemoryEvent = { ...where, bytes: reservation?.bytes ?? 0, action };
    oomChannel.publish(event);
  }

  #announceProgress(): void {
    const { onProgress } = this.#run;
    if (onProgress === undefined) return;
    const { total } = this.#work;
    try {
      onProgress({ doneItems: this.#done.count, totalItems: total, chunks: this.#chunks, attempts: this.#log.count });
    } catch {
      // A progress display that fails is no reason to lose work.
    }
  }

  #failed(
    { kind, message, cause = null }: Rejection & { readonly cause?: unknown },
    { start, chunkIndex = this.#queue.peekChunkIndex() }: QueuedRange,
    end: number,
    lane?: Lane<V, E>,
  ): ChunkFailure {
    return { kind, message, cause, chunkIndex, start, end, fallback: lane?.isFallback === true };
  }

  /** The error of a run that ended with this failure, with all that is done. */
  #error(failure: ChunkFailure): { readonly ok: false; readonly error: ChunkError<E, O> } {
    const { kind, message, chunkIndex, start, end, fallback } = failure;
    const who = fallback ? `${this.#run.name}, fallback` : this.#run.name;
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

  #summary(): RunSummary {
    return {
      total: this.#work.total,
      chunks: this.#chunks,
      attempts: this.#log.toArray(),
      attemptCount: this.#log.count,
      fallbackItems: this.#fallbackItems,
    };
  }
}
