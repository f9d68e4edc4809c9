import { err, ok, type ChunkAttempt, type Result } from '@gearshift/contracts';
import { chunkChannel } from '../channels.js';
import { DoneRanges, type Range } from '../done-ranges.js';
import type { ChunkError, OperandVersion, PartialRun } from '../errors/chunk-error.js';
import { withJson } from '../errors/partial-json.js';
import { AttemptLog } from './attempt-log.js';
import type { EngineOptions } from './check-run-options.js';
import type { ChunkFailure, ChunkWork, Rejection, RunSummary } from './chunk-work.js';
import type { CallEnd } from './guarded-call.js';
import { judgeAnswer, stopped, type CallFailure } from './judge-answer.js';
import { Lane, type LaneOptions, type ReservedChunk } from './lane.js';
import { afterOutOfMemory, waitForMemory } from './memory-wait.js';
import { fallbackMayHelp, isEndOfLane, othersMaySucceed } from './recovery.js';
import { turnIfDue } from '../timers.js';
import { RunEvents } from './run-events.js';
import type { RunLimit } from './run-limit.js';
import { WorkQueue, type QueuedRange } from './work-queue.js';

/** The state of the earlier run that this one resumes. */
export interface EarlierRun {
  readonly done: readonly Range[];
  readonly attempts: readonly ChunkAttempt[];
  readonly attemptCount: number;
}

/** A call for all items that was made before the run, because most succeed. The run begins with its outcome. */
export interface FirstCall<V, E> {
  readonly chunk: ReservedChunk;
  readonly startedMs: number;
  readonly end: CallEnd<Result<V, E>>;
}

/** A chunk with its number. */
type Chunk = QueuedRange & { readonly chunkIndex: number };

interface JudgedCall {
  readonly attempt: ChunkAttempt;
  readonly failure: CallFailure | null;
}

/**
 * One run: cuts the work into chunks that fit, in ascending order, and does each on the first open lane. At the end either all
 * items are done, or one error says which are.
 *
 * One loop begins calls, one after the other, up to the concurrency. Each call finishes its chunk, passes it to the next lane,
 * skips it, makes it smaller, or retries it a limited number of times, so every run ends.
 */
export class ChunkRun<V, E, O> {
  readonly #work: ChunkWork<V, O>;
  readonly #lanes: readonly Lane<V, E>[];
  readonly #run: EngineOptions;
  readonly #limit: RunLimit;
  readonly #done: DoneRanges;
  readonly #log: AttemptLog;
  readonly #events: RunEvents;
  /** The operands with their versions at the start. */
  readonly #operands: readonly OperandVersion[];
  readonly #queue = new WorkQueue();
  readonly #underWay = new Set<Promise<void>>();
  /** Functions that end a pause early. */
  readonly #wakers = new Set<() => void>();
  /** Chunks that are done. */
  #chunks = 0;
  #fallbackItems = 0;
  /** Ends the run. */
  #failure: ChunkFailure | null = null;
  /** With `onFault: 'collect'`: the failure to report. */
  #firstLeftOut: ChunkFailure | null = null;

  /** @param limit is released by the caller. */
  constructor(
    work: ChunkWork<V, O>,
    lanes: readonly LaneOptions<V, E>[],
    run: EngineOptions,
    limit: RunLimit,
    earlier?: EarlierRun,
  ) {
    this.#work = work;
    this.#run = run;
    this.#lanes = lanes.map((lane, index) => new Lane(lane, index, run));
    this.#limit = limit;
    this.#done = new DoneRanges(earlier?.done);
    this.#log = new AttemptLog(earlier?.attempts, earlier?.attemptCount);
    this.#events = new RunEvents(run, work.total);
    this.#operands =
      run.operands.length === 0 ? run.operands : run.operands.map(({ id, version }) => ({ id, version }));
  }

  /**
   * @param pending the ranges to do, ascending.
   * @param first of the first lane, for all that is pending.
   */
  async start(pending: readonly Range[], first?: FirstCall<V, E>): Promise<Result<RunSummary, ChunkError<E, O>>> {
    for (const { start, end } of pending) if (start < end) this.#queue.add({ start, end });
    if (first !== undefined) await this.#goOnAfter(first);
    while (this.#failure === null) {
      const range = this.#underWay.size < this.#run.concurrency ? this.#queue.take() : undefined;
      if (range !== undefined) await this.#begin(range);
      else if (this.#underWay.size > 0) await Promise.race(this.#underWay);
      else break;
    }
    await Promise.all(this.#underWay);
    const failure = this.#failure ?? this.#firstLeftOut;
    return failure === null ? ok(this.#summary()) : this.#error(failure);
  }

  /** Begins the next chunk of the range, and puts the rest of the range back. */
  async #begin(taken: QueuedRange): Promise<void> {
    const lane = this.#laneFor(taken);
    if (lane === undefined) {
      const none = { kind: 'overloaded', message: 'every place that could do these items is closed' } as const;
      this.#end(taken.failure ?? this.#failed(none, taken));
      return;
    }
    const range = this.#queue.extend(taken, (next) => next.lane === taken.lane || this.#laneFor(next) === lane);
    while (lane.pauseMs > 0 && this.#whyStop() === null) await this.#pause(lane.pauseMs);
    const stop = this.#whyStop();
    if (stop !== null) {
      this.#end(this.#failed(stop, range, lane));
      return;
    }
    const chunk =
      lane.take(range.start, range.end, range.mostItems) ??
      (await waitForMemory(lane, range, this.#run, this.#limit, () => this.#whyStop()));
    if ('kind' in chunk) {
      this.#recover(range, lane, this.#failed(chunk, range, lane));
      return;
    }
    if (chunk.end < range.end) {
      this.#queue.add({ start: chunk.end, end: range.end, lane: range.lane, failure: range.failure });
      this.#events.publishSplit(lane, chunk, range.end - range.start);
    }
    const chunkIndex = range.chunkIndex ?? this.#queue.nextChunkIndex();
    const call = this.#do({ ...range, end: chunk.end, chunkIndex }, lane, chunk, range.end).finally(() =>
      this.#underWay.delete(call),
    );
    this.#underWay.add(call);
  }

  async #goOnAfter({ chunk: reserved, startedMs, end }: FirstCall<V, E>): Promise<void> {
    const range = this.#queue.take();
    if (range === undefined) return;
    const chunk = { ...range, chunkIndex: this.#queue.nextChunkIndex() };
    const [lane] = this.#lanes;
    const { failure } = this.#judge(lane, reserved, chunk.chunkIndex, startedMs, end);
    await this.#settle(chunk, lane, reserved, reserved.end, failure);
  }

  /** @param laneEnd how far the chunk could have reached. */
  async #do(chunk: Chunk, lane: Lane<V, E>, reserved: ReservedChunk, laneEnd: number): Promise<void> {
    const { chunkIndex } = chunk;
    const { failure } = chunkChannel.hasSubscribers
      ? await this.#events.traceCall(lane, reserved, chunkIndex, () => this.#call(lane, reserved, chunkIndex))
      : await this.#call(lane, reserved, chunkIndex);
    await this.#settle(chunk, lane, reserved, laneEnd, failure);
    await turnIfDue(this.#run.timers);
  }

  async #settle(
    chunk: Chunk,
    lane: Lane<V, E>,
    reserved: ReservedChunk,
    laneEnd: number,
    failure: CallFailure | null,
  ): Promise<void> {
    if (failure === null) this.#finish(lane, reserved);
    else if (!(await this.#tryAgain(chunk, lane, reserved, laneEnd, failure))) {
      this.#recover(chunk, lane, this.#failed(failure, chunk, lane));
    }
  }

  async #call(lane: Lane<V, E>, chunk: ReservedChunk, chunkIndex: number): Promise<JudgedCall> {
    const startedMs = this.#run.clock();
    return this.#judge(lane, chunk, chunkIndex, startedMs, await lane.call(chunk, this.#limit.signal));
  }

  #judge(
    lane: Lane<V, E>,
    { start, end }: ReservedChunk,
    chunkIndex: number,
    startedMs: number,
    settled: CallEnd<Result<V, E>>,
  ): JudgedCall {
    const { classifyError } = lane.options;
    const failure = judgeAnswer(settled, this.#limit.reasonToStop(), this.#work, start, end, classifyError);
    const latencyMs = this.#run.clock() - startedMs;
    const call = { chunkIndex, start, end, latencyMs, fallback: lane.isFallback };
    const attempt: ChunkAttempt =
      failure === null
        ? { ...call, outcome: 'success' }
        : { ...call, outcome: failure.kind, message: failure.message, cause: failure.cause };
    this.#log.add(attempt);
    return { attempt, failure };
  }

  #finish(lane: Lane<V, E>, { start, end }: ReservedChunk): void {
    this.#done.add(start, end);
    this.#chunks += 1;
    if (lane.isFallback) this.#fallbackItems += end - start;
    lane.succeeded(end - start);
    if (this.#run.onProgress === undefined) return;
    this.#events.reportProgress({
      doneItems: this.#done.count,
      totalItems: this.#work.total,
      chunks: this.#chunks,
      attempts: this.#log.count,
      partial: () => this.#partial(),
    });
  }

  /** The first lane that may do it and takes work now; undefined when there is none. */
  #laneFor(range: QueuedRange): Lane<V, E> | undefined {
    for (let i = range.lane; i < this.#lanes.length; i++) if (this.#lanes[i].isOpen) return this.#lanes[i];
    return undefined;
  }

  /** Puts the chunk back for the same lane, as it is or to be made smaller; false when it failed for good there. */
  async #tryAgain(
    chunk: Chunk,
    lane: Lane<V, E>,
    reserved: ReservedChunk,
    laneEnd: number,
    { kind, message, error }: CallFailure,
  ): Promise<boolean> {
    const items = chunk.end - chunk.start;
    if (kind === 'out-of-memory') {
      const mayRetry = chunk.mostItems === Infinity;
      const action = await afterOutOfMemory(lane, reserved, laneEnd, mayRetry, this.#run, this.#limit);
      this.#events.publishOutOfMemory(lane, reserved, chunk.chunkIndex, action);
      if (action === 'give-up') return false;
      // Smaller each time, whatever the device reports in the meantime, so that the run ends.
      this.#queue.add({ ...chunk, mostItems: action === 'shrink' ? lane.smallerThan(items) : items });
      return true;
    }
    const attempt = chunk.failures + 1;
    const retry = this.#run.retry?.next({ kind, message, error, attempt }) ?? null;
    if (retry === null || this.#whyStop() !== null) return false;
    if (retry.isAskedFor) lane.pause(retry.delayMs);
    else await this.#pause(retry.delayMs);
    this.#queue.add({ ...chunk, failures: attempt, mostItems: items });
    return true;
  }

  /** After a chunk failed for good on a lane: the next lane does it, or the run skips it or ends. */
  #recover({ chunkIndex }: QueuedRange, lane: Lane<V, E>, failure: ChunkFailure): void {
    const { kind, start, end } = failure;
    if (lane.index + 1 < this.#lanes.length && fallbackMayHelp(kind)) {
      lane.failed(isEndOfLane(kind));
      this.#queue.add({ start, end, lane: lane.index + 1, chunkIndex, failure });
    } else if (this.#run.onFault === 'collect' && othersMaySucceed(kind)) {
      if (this.#firstLeftOut === null || start < this.#firstLeftOut.start) this.#firstLeftOut = failure;
    } else this.#end(failure);
  }

  /** No further call begins. */
  #end(failure: ChunkFailure): void {
    this.#failure ??= failure;
    for (const wake of [...this.#wakers]) wake();
  }

  /** Waits for `delayMs`, but not beyond the end of the run. */
  #pause(delayMs: number): Promise<void> {
    return this.#limit.pause(delayMs, (wake) => {
      this.#wakers.add(wake);
      return () => this.#wakers.delete(wake);
    });
  }

  /** Why no further call may begin, or null. */
  #whyStop(): Rejection | null {
    const stop = this.#limit.reasonToStop();
    if (stop !== null) return stopped(stop);
    const changed = this.#work.whatChanged() ?? (this.#operands.length > 0 ? this.#changedOperand() : null);
    return changed === null ? this.#failure : { kind: 'invalid-input', message: changed };
  }

  #changedOperand(): string | null {
    for (const [index, { id, version }] of this.#operands.entries()) {
      const now = this.#run.operands[index].version;
      if (now !== version) return `operand ${id} changed from version ${version} to ${now} during the run`;
    }
    return null;
  }

  #failed(
    { kind, message, cause = null }: Rejection & { readonly cause?: unknown },
    { start, end, chunkIndex = this.#queue.peekChunkIndex() }: QueuedRange,
    lane?: Lane<V, E>,
  ): ChunkFailure {
    return { kind, message, cause, chunkIndex, start, end, fallback: lane?.isFallback === true };
  }

  /** The error of a run that ended with this failure, with all finished items. */
  #error(failure: ChunkFailure): { readonly ok: false; readonly error: ChunkError<E, O> } {
    const { kind, message, chunkIndex, start, end, fallback } = failure;
    const place = fallback ? `${this.#run.name}, fallback` : this.#run.name;
    return err({
      kind,
      message: `${place}: items [${start}, ${end}): ${message}`,
      chunkIndex,
      range: { start, end },
      cause: failure.cause as ChunkError<E, O>['cause'],
      partial: this.#partial(),
    });
  }

  #partial(): PartialRun<O> {
    return withJson({
      output: this.#work.output(),
      total: this.#work.total,
      done: this.#done.toArray(),
      remaining: this.#done.remaining(this.#work.total),
      attempts: this.#log.toArray(),
      attemptCount: this.#log.count,
      operands: this.#operands,
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
