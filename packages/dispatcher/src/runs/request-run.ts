import {
  err,
  ok,
  type AttemptReport,
  type BackendError,
  type DispatchPolicy,
  type ItemRange,
  type Result,
} from '@gearshift/contracts';
import type { OperationOutput } from '@gearshift/contracts/internal';
import { planChunks, type ChunkError, type Timers } from '@gearshift/splitter';
import {
  checkPartial,
  ChunkRun,
  RUN_DEFAULTS,
  type ChunkWork,
  type LaneOptions,
  type RunLimit,
} from '@gearshift/splitter/engine';
import type { AttemptRunner } from '../attempts/attempt-runner.js';
import { isCallersMistake } from '../attempts/check-answer.js';
import { hangLimitMs, type checkHangLimits } from '../attempts/hang-limit.js';
import type { Job } from '../attempts/job.js';
import type { Choice } from '../device-chooser.js';
import { acceptsRequest } from '../devices/accepts-request.js';
import type { Device, DeviceGuard } from '../devices/device.js';
import type { QueuedRun } from '../devices/device-queue.js';
import { deviceLane, holdsOperand, type ChunkAnswer } from './device-lane.js';

/** What all runs of a dispatcher have in common. */
export interface RunContext {
  readonly attempts: AttemptRunner;
  readonly policy: DispatchPolicy;
  readonly clock: () => number;
  readonly timers: Timers;
  readonly hangLimits: ReturnType<typeof checkHangLimits>;
}

/** What is done of a request, in items: rows from its first, candidates in their order, or nodes. */
export interface UnfinishedRun {
  readonly total: number;
  readonly done: readonly ItemRange[];
  readonly remaining: readonly ItemRange[];
}

/** How a run ended: with the answer, or with what is finished of it all the same. */
export type RunEnd =
  | { readonly ok: true }
  | {
      readonly ok: false;
      readonly partial: UnfinishedRun | null;
      /** Even the smallest chunk has no memory, for which there is no attempt. */
      readonly isShortOfMemory: boolean;
    };

const ENGINE_OPTIONS = {
  onFault: 'stop',
  concurrency: 1,
  retry: undefined,
  onProgress: undefined,
  memoryWaitMs: RUN_DEFAULTS.memoryWaitMs,
  operands: [],
} as const;

const NO_ATTEMPTS = { output: null, attempts: [], attemptCount: 0, operands: [] };

const DONE: RunEnd = { ok: true };
const NOTHING_DONE: RunEnd = { ok: false, partial: null, isShortOfMemory: false };

/** Part of a request that is done in one go along its items: the request itself, or one hop of it. */
interface Stage {
  readonly job: Job;
  /** The stage is the whole request, which the first chunk may be too. */
  readonly isWhole: boolean;
  readonly predictedMs: number;
  readonly unfinished: UnfinishedRun | undefined;
}

/**
 * Runs a request on the device that was chosen for it, and on its fallbacks when that fails: each device is a lane of the
 * splitter's engine, and a request that fits is one chunk.
 */
export class RequestRun {
  /** Every attempt in order. */
  readonly reports: AttemptReport[] = [];
  readonly #choice: Choice;
  readonly #job: Job;
  readonly #devices: readonly Device[];
  readonly #context: RunContext;
  readonly #limit: RunLimit;
  readonly #uses = new Map<Device, () => void>();
  #mayProbe: boolean;
  #mistake: TypeError | RangeError | undefined;
  #queued: { readonly device: Device; readonly run: QueuedRun } | undefined;

  /** @param devices the chosen one, then its fallbacks in order; the chosen one alone in strict mode. */
  constructor(choice: Choice, job: Job, devices: readonly Device[], context: RunContext, limit: RunLimit) {
    this.#choice = choice;
    this.#job = job;
    this.#devices = devices.filter((device, index) => index === 0 || acceptsRequest(device, job.request));
    this.#context = context;
    this.#limit = limit;
    this.#mayProbe = choice.probe;
  }

  /**
   * @param unfinished what an earlier run left of the request.
   * @throws the TypeError or RangeError of the last backend that was tried.
   */
  async run(unfinished?: UnfinishedRun): Promise<RunEnd> {
    const { device, keep, serviceMs } = this.#choice;
    this.#enterQueue(device, serviceMs);
    try {
      if (keep && device.guard !== undefined) {
        await this.#keepOperand(device.guard);
        if (this.#limit.reasonToStop() !== null) return NOTHING_DONE;
      }
      this.#use(device);
      const { operation, request } = this.#job;
      const end = await (operation.stagesOf(request) === 1
        ? this.#runStage({ job: this.#job, isWhole: true, predictedMs: serviceMs, unfinished }, this.#devices, false)
        : this.#runStages(unfinished));
      if (this.#mistake !== undefined) throw this.#mistake;
      return end;
    } finally {
      this.#leaveQueue();
      for (const endUse of this.#uses.values()) endUse();
      this.#giveBackProbe();
    }
  }

  /**
   * Several stages cannot be cut along their items: a stage needs all of the one before. So a device that has the memory does
   * all of them at once, and otherwise one stage after the other is cut. Of an unfinished run only the last stage is kept.
   */
  async #runStages(unfinished: UnfinishedRun | undefined): Promise<RunEnd> {
    const { serviceMs } = this.#choice;
    if (unfinished !== undefined) return this.#runStageByStage(this.#devices, unfinished);
    for (const [index, device] of this.#devices.entries()) {
      const rest = this.#devices.slice(index);
      const limits = device.guard?.memory.limitsFor(this.#job.work, holdsOperand(device, this.#job)) ?? {};
      if (planChunks(this.#job.work.batchSize, limits) !== 1) return this.#runStageByStage(rest, undefined);
      const stage = { job: this.#job, isWhole: true, predictedMs: index === 0 ? serviceMs : NaN, unfinished };
      const before = this.reports.length;
      const end = await this.#runStage(stage, [device], true);
      if (end.ok || this.#mistake !== undefined || this.#limit.reasonToStop() !== null) return end;
      if (this.reports.length > before && this.reports.at(-1)?.outcome === 'out-of-memory') {
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
      const predictedMs = this.#choice.serviceMs / stages;
      const stage = { job, isWhole: false, predictedMs, unfinished: isLast ? unfinished : undefined };
      const end = await this.#runStage(stage, devices, false);
      if (!end.ok) return isLast ? end : { ...end, partial: null };
      before = output;
    }
    return DONE;
  }

  /** @param neverCut the stage runs as one chunk or not at all. */
  async #runStage(stage: Stage, devices: readonly Device[], neverCut: boolean): Promise<RunEnd> {
    const { job, unfinished } = stage;
    const total = job.work.batchSize;
    let isEmpty = unfinished === undefined;
    const work: ChunkWork<ChunkAnswer, null> = {
      total,
      accept(start, end, answer) {
        if (answer === null) return null;
        // Not before: an attempt at the whole may have written into the output, or have had its memory replaced.
        if (isEmpty) job.operation.clearOutput(job.output);
        isEmpty = false;
        job.operation.mergePart(job.request, job.output, start, end, answer);
        return null;
      },
      whatChanged: () => null,
      output: () => null,
    };
    const lanes = devices.map((device, index) => this.#laneOf(device, index, devices, stage, neverCut));
    const { clock, timers } = this.#context;
    const options = { ...ENGINE_OPTIONS, name: devices[0].backend.id, clock, timers };
    const earlier = unfinished && checkPartial({ ...NO_ATTEMPTS, ...unfinished });
    const run = new ChunkRun(work, lanes, options, this.#limit, earlier);
    const result = await run.start(unfinished?.remaining ?? [{ start: 0, end: total }]);
    this.#blameForMemory(devices, result);
    if (result.ok) return DONE;
    const { kind, cause, partial } = result.error;
    return {
      ok: false,
      partial: partial.done.length === 0 ? null : { total, done: partial.done, remaining: partial.remaining },
      isShortOfMemory: cause === null && (kind === 'item-too-large' || kind === 'overloaded'),
    };
  }

  #laneOf(
    device: Device,
    index: number,
    devices: readonly Device[],
    stage: Stage,
    isWhole: boolean,
  ): LaneOptions<ChunkAnswer, BackendError> {
    const { guard } = device;
    this.#use(device);
    const isOnly = devices.length === 1;
    const isChosen = device === this.#choice.device;
    const last = index === devices.length - 1;
    const total = stage.job.work.batchSize;
    let bytesToFree = Infinity;
    const isWholeStage = (start: number, end: number) =>
      stage.isWhole && start === 0 && end === total && stage.unfinished === undefined;
    const call = async (
      start: number,
      end: number,
      signal: AbortSignal,
    ): Promise<Result<ChunkAnswer, BackendError>> => {
      const isAll = isWholeStage(start, end);
      const job = isAll ? stage.job : partOf(stage.job, start, end, signal);
      const predictedMs = isChosen ? (stage.predictedMs * (end - start)) / total : NaN;
      this.#enterQueue(device, isChosen ? predictedMs : (this.#choice.alternativeMs * (end - start)) / total);
      const probe = isChosen && this.#mayProbe;
      if (isChosen) this.#mayProbe = false;
      try {
        const report = await this.#context.attempts.run(device, job, { fallback: !isChosen, last, probe, predictedMs });
        this.reports.push(report);
        const { error } = report;
        if (error === undefined) return ok(isAll ? null : job.output);
        // The whole request needs what it could not have; for chunks, all that is idle gives way.
        bytesToFree = isAll ? Math.max(1, stage.job.work.rangeBytes, error.requestedBytes ?? 0) : Infinity;
        return err(error);
      } catch (thrown) {
        if (isCallersMistake(thrown)) this.#mistake ??= thrown;
        throw thrown;
      }
    };
    return deviceLane(device, {
      job: stage.job,
      call,
      isWhole,
      writesInPlace: isWholeStage,
      isOpen: () => guard === undefined || isOnly || (isChosen && this.#mayProbe) || guard.breaker.state === 'closed',
      isCallersMistake: () => this.#mistake !== undefined,
      bytesToFree: () => bytesToFree,
    });
  }

  /** What cannot be kept is sent with the request instead: a device without room for it, or a failed upload, ends no run. */
  async #keepOperand({ residents, breaker }: DeviceGuard): Promise<void> {
    const { operation, request, work } = this.#job;
    const { policy, clock, hangLimits } = this.#context;
    const startedAtMs = clock();
    const sent = await residents.keep(operation.operandOf(request), {
      bytes: work.operandBytes,
      isPinned: work.expectedUses === Infinity,
      // Transfers vary more than kernels: others use the same bus, and pages may have to be found first.
      limitMs: Math.max(hangLimits.unpredictedMs, hangLimitMs(this.#choice.serviceMs, hangLimits)),
      signal: this.#limit.signal,
      onSent: (sample) => policy.observeUpload?.(sample),
    });
    // The probe's own record is that of the request, which follows.
    if (!sent.ok) breaker.record(sent.error.kind, clock() - startedAtMs, false);
  }

  #use(device: Device): void {
    if (device.guard === undefined || this.#uses.has(device)) return;
    const savingMs = device === this.#choice.device ? this.#choice.savingMs : NaN;
    const { operation, request } = this.#job;
    this.#uses.set(device, device.guard.residents.use(operation.operandOf(request), savingMs));
  }

  /** A run stands in the queue of one device at a time: the one that works on it. */
  #enterQueue(device: Device, predictedMs: number): void {
    if (this.#queued?.device === device) return;
    this.#leaveQueue();
    this.#queued = { device, run: device.queue.begin(predictedMs, this.#context.clock()) };
  }

  #leaveQueue(): void {
    if (this.#queued === undefined) return;
    this.#queued.device.queue.end(this.#queued.run, this.#context.clock());
    this.#queued = undefined;
  }

  /** A run that ended before its first attempt, aborted or without memory, leaves the next request to probe the device. */
  #giveBackProbe(): void {
    if (this.#choice.probe && this.#mayProbe) this.#choice.device.guard?.breaker.record('aborted', 0, true);
  }

  /** Out of memory leads to smaller chunks as long as there are any, so a device that gave up had no memory for the smallest. */
  #blameForMemory(devices: readonly Device[], result: Result<unknown, ChunkError>): void {
    for (const { backend, guard } of devices) {
      const at = this.reports.findLastIndex((report) => report.backend === backend.id);
      if (guard === undefined || at === -1 || this.reports[at].outcome !== 'out-of-memory') continue;
      const gaveUp = at < this.reports.length - 1 || (!result.ok && result.error.kind === 'out-of-memory');
      if (gaveUp) guard.breaker.smallestChunkFailed(this.reports[at].latencyMs);
    }
  }
}

/** The part has memory of its own for its answer. */
function partOf({ operation, request: whole }: Job, start: number, end: number, signal: AbortSignal): Job {
  const request = operation.part(whole, start, end);
  const output = operation.createOutput(request);
  return { operation, request, output, ownsOutput: true, work: operation.describeWork(request), signal };
}
