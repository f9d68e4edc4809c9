import type { BackendError, ItemRange, Result } from '@gearshift/contracts';
import type { OperationOutput } from '@gearshift/contracts/internal';
import type { ChunkError } from '@gearshift/splitter';
import {
  checkLimits,
  checkPartial,
  chunkCount,
  ChunkRun,
  RUN_DEFAULTS,
  type ChunkWork,
  type FirstCall,
  type CheckedLimits,
  type LaneOptions,
  type RunLimit,
} from '@gearshift/splitter/engine';
import type { Job } from '../attempts/job.js';
import { missingBytes, type Device } from '../devices/device.js';
import { MOST_CHUNKS } from '../devices/gpu-memory.js';
import type { ChunkAnswer, RunAttempts } from './run-attempts.js';

/** The done and remaining items of a request: rows from its first, candidates in their order, or nodes. */
export interface UnfinishedRun {
  readonly total: number;
  readonly done: readonly ItemRange[];
  readonly remaining: readonly ItemRange[];
}

/** The end of a run: with the answer, or with its finished part. */
export type RunEnd =
  | { readonly ok: true }
  | {
      readonly ok: false;
      readonly partial: UnfinishedRun | null;
      /** Not even the smallest chunk fits in memory, so there was no attempt. */
      readonly isShortOfMemory: boolean;
    };

export const DONE: RunEnd = { ok: true };
export const NOTHING_DONE: RunEnd = { ok: false, partial: null, isShortOfMemory: false };

/** An attempt to run the whole request on the first device, before it is cut. */
export type WholeAttempt = FirstCall<ChunkAnswer, BackendError>;

const ENGINE_OPTIONS = {
  onFault: 'stop',
  concurrency: 1,
  retry: undefined,
  onProgress: undefined,
  memoryWaitMs: RUN_DEFAULTS.memoryWaitMs,
  operands: [],
} as const;

const NO_ATTEMPTS = { output: null, attempts: [], attemptCount: 0, operands: [] };

/** A part of a request that can be cut along its items: the request itself, or one hop of it. */
interface Stage {
  readonly job: Job;
  /** The stage is the whole request, so a chunk may be the whole request too. */
  readonly isWhole: boolean;
  /** It runs as one chunk or not at all. */
  readonly isNeverCut: boolean;
  readonly predictedMs: number;
  readonly unfinished: UnfinishedRun | undefined;
  /** The items to do now; undefined for all that are not done. */
  readonly pending?: readonly ItemRange[] | undefined;
}

/** Runs a request that failed at the first attempt or is too large for one: the splitter's engine cuts it, with one lane per device. */
export class ChunkedRun {
  readonly #job: Job;
  readonly #devices: readonly Device[];
  readonly #attempts: RunAttempts;
  readonly #limit: RunLimit;

  /** @param devices the chosen one, then its fallbacks in order. */
  constructor(job: Job, devices: readonly Device[], attempts: RunAttempts, limit: RunLimit) {
    this.#job = job;
    this.#devices = devices;
    this.#attempts = attempts;
    this.#limit = limit;
  }

  /**
   * @param unfinished what an earlier run left of the request.
   * @param first a failed attempt to run all of it.
   * @param pending of a request in one stage: only these items, of those that are not done.
   */
  run(
    unfinished: UnfinishedRun | undefined,
    first: WholeAttempt | undefined,
    pending?: readonly ItemRange[],
  ): Promise<RunEnd> {
    const { operation, request } = this.#job;
    if (operation.stagesOf(request) !== 1) return this.#runStages(unfinished, first);
    const predictedMs = this.#attempts.choice.serviceMs;
    const stage = { job: this.#job, isWhole: true, isNeverCut: false, predictedMs, unfinished, pending };
    return this.#runStage(stage, this.#devices, first);
  }

  /**
   * Several stages cannot be cut together, because a stage needs all of the one before. So a device with enough memory runs all
   * of them at once, and otherwise one stage after the other is cut. An unfinished run keeps only the last stage.
   */
  async #runStages(unfinished: UnfinishedRun | undefined, first: WholeAttempt | undefined): Promise<RunEnd> {
    if (unfinished !== undefined) return this.#runStageByStage(this.#devices, unfinished);
    const { reports, choice } = this.#attempts;
    for (const [index, device] of this.#devices.entries()) {
      const isFirst = index === 0;
      const rest = this.#devices.slice(index);
      const wasTried = isFirst && first !== undefined;
      if (!wasTried && chunkCount(this.#job.work.batchSize, limitsOf(device, this.#job, false)) !== 1) {
        return this.#runStageByStage(rest, undefined);
      }
      const before = isFirst ? 0 : reports.length;
      const predictedMs = isFirst ? choice.serviceMs : NaN;
      const stage = { job: this.#job, isWhole: true, isNeverCut: true, predictedMs, unfinished };
      const end = await this.#runStage(stage, [device], isFirst ? first : undefined);
      if (end.ok || this.#attempts.thrown !== undefined || this.#limit.reasonToStop() !== null) return end;
      if (reports.length > before && reports.at(-1)?.outcome === 'out-of-memory') {
        return this.#runStageByStage(rest, undefined);
      }
    }
    return NOTHING_DONE;
  }

  async #runStageByStage(devices: readonly Device[], unfinished: UnfinishedRun | undefined): Promise<RunEnd> {
    const { operation, request: whole, output: target, signal } = this.#job;
    const stages = operation.stagesOf(whole);
    let before: OperationOutput | undefined;
    if (stages === 0) operation.answerWithoutStage(whole, target);
    for (let i = 1; i <= stages; i++) {
      const isLast = i === stages;
      const request = operation.stage(whole, before);
      const output = isLast ? target : operation.createOutput(request);
      const job: Job = { operation, request, output, ownsOutput: false, work: operation.describeWork(request), signal };
      const predictedMs = this.#attempts.choice.serviceMs / stages;
      const kept = isLast ? unfinished : undefined;
      const stage = { job, isWhole: false, isNeverCut: false, predictedMs, unfinished: kept };
      const end = await this.#runStage(stage, devices);
      if (!end.ok) return isLast ? end : { ...end, partial: null };
      before = output;
    }
    return DONE;
  }

  async #runStage(stage: Stage, devices: readonly Device[], first?: WholeAttempt): Promise<RunEnd> {
    const { job, unfinished, pending = unfinished?.remaining } = stage;
    const total = job.work.batchSize;
    const lanes = devices.map((device, index) => this.#laneOf(device, index, devices.length, stage));
    const { clock, timers } = this.#attempts.context;
    const options = { ...ENGINE_OPTIONS, name: devices[0].backend.id, clock, timers };
    const earlier = unfinished && checkPartial({ ...NO_ATTEMPTS, ...unfinished });
    const run = new ChunkRun(mergingWork(job, unfinished === undefined), lanes, options, this.#limit, earlier);
    const result = await run.start(pending ?? [{ start: 0, end: total }], first);
    this.#blameForMemory(devices, result);
    if (result.ok) return DONE;
    const { kind, cause, partial } = result.error;
    return {
      ok: false,
      partial: partial.done.length === 0 ? null : { total, done: partial.done, remaining: partial.remaining },
      isShortOfMemory: cause === null && (kind === 'item-too-large' || kind === 'overloaded'),
    };
  }

  /** The lane of a device for the engine of the splitter. */
  #laneOf(
    device: Device,
    index: number,
    deviceCount: number,
    { job, isWhole, isNeverCut, predictedMs, unfinished }: Stage,
  ): LaneOptions<ChunkAnswer, BackendError> {
    const { guard } = device;
    const attempts = this.#attempts;
    const total = job.work.batchSize;
    const isAllOf = (start: number, end: number) => isWhole && start === 0 && end === total && unfinished === undefined;
    attempts.use(device);
    return {
      name: device.backend.id,
      call(start, end, signal) {
        const isAll = isAllOf(start, end);
        const options = { isAll, last: index === deviceCount - 1, share: (end - start) / total, predictedMs };
        return attempts.run(device, isAll ? job : partOf(job, start, end, signal), options);
      },
      limits: limitsOf(device, job, isNeverCut),
      classifyError(error) {
        if (attempts.thrown !== undefined) return 'invalid-input';
        // Another device may support what this one calls invalid or unsupported, because the request itself was checked.
        const { kind } = error as BackendError;
        return kind === 'invalid-input' || kind === 'unsupported' ? 'chunk-failed' : undefined;
      },
      // Each attempt has its own limit from its prediction.
      chunkTimeoutMs: Infinity,
      // A call for the whole request writes into its output. Other calls have their own memory and may be abandoned.
      settlesWhenAborted: isAllOf,
      freeIdleMemory: guard === undefined ? undefined : () => guard.residents.makeRoom(attempts.bytesToFree(device)),
      isOpen: () => attempts.isOpen(device, deviceCount === 1),
    };
  }

  /** The engine answers out-of-memory with smaller chunks, so a device that gave up had no memory for the smallest one. */
  #blameForMemory(devices: readonly Device[], result: Result<unknown, ChunkError>): void {
    const { reports } = this.#attempts;
    for (const { backend, guard } of devices) {
      const at = reports.findLastIndex((report) => report.backend === backend.id);
      if (guard === undefined || at === -1 || reports[at].outcome !== 'out-of-memory') continue;
      const gaveUp = at < reports.length - 1 || (!result.ok && result.error.kind === 'out-of-memory');
      if (gaveUp) guard.breaker.smallestChunkFailed(reports[at].latencyMs);
    }
  }
}

function limitsOf({ backend, guard }: Device, { request, work }: Job, isNeverCut: boolean): CheckedLimits {
  const minChunkItems = isNeverCut ? work.batchSize : Math.ceil(work.batchSize / MOST_CHUNKS);
  if (guard === undefined) return checkLimits({ minChunkItems });
  return { ...guard.memory.limitsFor(work, missingBytes(backend, request, work) === 0), minChunkItems };
}

/** Merges the answers of chunks into the output of the job. */
function mergingWork(job: Job, isEmpty: boolean): ChunkWork<ChunkAnswer, null> {
  return {
    total: job.work.batchSize,
    accept(start, end, answer) {
      if (answer === null) return null;
      // Cleared only now, because an attempt at the whole request may have written into the output or replaced its memory.
      if (isEmpty) job.operation.clearOutput(job.output);
      isEmpty = false;
      job.operation.mergePart(job.request, job.output, start, end, answer);
      return null;
    },
    whatChanged: () => null,
    output: () => null,
  };
}

/** The part has its own memory for its answer. */
function partOf({ operation, request: whole }: Job, start: number, end: number, signal: AbortSignal): Job {
  const request = operation.part(whole, start, end);
  const output = operation.createOutput(request);
  return { operation, request, output, ownsOutput: true, work: operation.describeWork(request), signal };
}
