import type {
  AttemptReport,
  Backend,
  DispatchPolicy,
  PreparedRequest,
  SyncBackend,
  TopKOutput,
  Work,
} from '@gearshift/contracts';
import { checkAnswer, thrownAnswer, type BackendAnswer } from './backend-answer.js';
import { bytesToUpload } from './bytes-to-upload.js';
import { callBackend, callBackendSync } from './call-backend.js';
import type { AttemptTracker } from './dispatcher.js';
import { attemptChannel } from './channels.js';
import type { CircuitBreaker } from './failures/circuit-breaker.js';
import { clearCount, GuardedAttempts, isCallersMistake } from './failures/guarded-attempts.js';
import type { checkHangLimits } from './failures/hang-limit.js';
import type { SampledVerification } from './failures/sampled-verification.js';
import type { Timers } from './failures/timers.js';

/** One request, or one chunk of it, on its way through the devices. */
export interface Job {
  readonly request: PreparedRequest;
  /**
   * Where the answer goes. Look here after the attempt: an abandoned attempt may write into its memory at any time, so
   * that memory which is the job's own is given up then, and replaced.
   */
  output: Float32Array | TopKOutput;
  /**
   * Nobody else holds any of the output's memory: a GPU may write into it. Memory of others (a caller's, or a part of a
   * larger output) is only ever written by a copy of what a GPU finished.
   */
  readonly ownsOutput: boolean;
  readonly work: Work;
  readonly signal: AbortSignal | undefined;
}

/** How an attempt came about. */
export interface AttemptPlan {
  /** An earlier attempt at the same job failed. */
  readonly fallback: boolean;
  /** No other device will be tried. */
  readonly last: boolean;
  /** It holds the lease of the device's breaker, as `admit` handed it out. */
  readonly probe: boolean;
  /** NaN where nobody predicted. */
  readonly predictedMs: number;
}

export interface AttemptRunnerOptions {
  readonly tracker: AttemptTracker;
  readonly policy: DispatchPolicy;
  readonly clock: () => number;
  readonly timers: Timers;
  readonly hangLimits: ReturnType<typeof checkHangLimits>;
  readonly verification: SampledVerification;
  /** Of the GPUs. */
  readonly breakers: ReadonlyMap<Backend, CircuitBreaker>;
}

/**
 * Runs single attempts. Whatever a backend does, an attempt ends in one report, recorded once under the device that ran
 * it: a GPU that does not answer is given up in time, what it writes later is never seen, and now and then its answers are
 * verified. The only thing thrown is a TypeError or RangeError of a backend that nobody stands in for: these are a
 * caller's mistake by the contract of backends (a buffer detached half-way, say), and no attempt is recorded then.
 */
export class AttemptRunner {
  readonly #tracker: AttemptTracker;
  readonly #policy: DispatchPolicy;
  readonly #clock: () => number;
  readonly #gpus: GuardedAttempts;
  readonly #lanes = new Map<Backend, Lane>();
  #lastBackend: Backend | undefined;
  #lastLane: Lane = { underWay: 0 };

  constructor(options: AttemptRunnerOptions) {
    this.#tracker = options.tracker;
    this.#policy = options.policy;
    this.#clock = options.clock;
    this.#gpus = new GuardedAttempts(options);
  }

  run(backend: Backend, job: Job, plan: AttemptPlan): Promise<AttemptReport> {
    if (!attemptChannel.hasSubscribers) return this.#run(backend, job, plan);
    const event = { operation: job.work.operation, backend: backend.id, fallback: plan.fallback };
    return attemptChannel.tracePromise(() => this.#run(backend, job, plan), event);
  }

  /** The same at once, on the only device there is for it. */
  runSync(backend: SyncBackend, job: Job): AttemptReport {
    if (!attemptChannel.hasSubscribers) return this.#runSync(backend, job);
    const event = { operation: job.work.operation, backend: backend.id, fallback: false };
    return attemptChannel.traceSync(() => this.#runSync(backend, job), event);
  }

  #run(backend: Backend, job: Job, plan: AttemptPlan): Promise<AttemptReport> {
    return backend.kind === 'gpu' ? this.#runOnGpu(backend, job, plan) : this.#runOnCpu(backend, job, plan);
  }

  async #runOnGpu(backend: Backend, job: Job, plan: AttemptPlan): Promise<AttemptReport> {
    const lane = this.#laneOf(backend);
    const load = { uploadedBytes: bytesToUpload(backend, job.request, job.work), queued: lane.underWay > 0 };
    lane.underWay += 1;
    try {
      const { answer, startedAtMs, endedAtMs } = await this.#gpus.run(backend, job, plan);
      return this.#record(backend, job.work, answer, startedAtMs, endedAtMs, plan.fallback, load);
    } finally {
      lane.underWay -= 1;
    }
  }

  /** No guard: a CPU shares the fate of the program. So no timer, and no memory but the output's. */
  async #runOnCpu(backend: Backend, job: Job, plan: AttemptPlan): Promise<AttemptReport> {
    const lane = this.#laneOf(backend);
    const load = lane.underWay > 0 ? BEHIND_OTHERS : ALONE;
    lane.underWay += 1;
    clearCount(job.output);
    const startedAtMs = this.#clock();
    let answer: BackendAnswer;
    try {
      const given = await callBackend(backend, job.request, job.output, job.signal);
      answer = checkAnswer(backend.id, job.request, job.output, given, job.signal?.aborted === true);
    } catch (thrown) {
      if (plan.last && isCallersMistake(thrown)) throw thrown;
      answer = thrownAnswer(backend.id, thrown);
    } finally {
      lane.underWay -= 1;
    }
    return this.#record(backend, job.work, answer, startedAtMs, this.#clock(), plan.fallback, load);
  }

  #runSync(backend: SyncBackend, job: Job): AttemptReport {
    const load = this.#laneOf(backend).underWay > 0 ? BEHIND_OTHERS : ALONE;
    clearCount(job.output);
    const startedAtMs = this.#clock();
    let answer: BackendAnswer;
    try {
      const given = callBackendSync(backend, job.request, job.output);
      answer = checkAnswer(backend.id, job.request, job.output, given, false);
    } catch (thrown) {
      if (isCallersMistake(thrown)) throw thrown;
      answer = thrownAnswer(backend.id, thrown);
    }
    return this.#record(backend, job.work, answer, startedAtMs, this.#clock(), false, load);
  }

  #laneOf(backend: Backend): Lane {
    if (backend === this.#lastBackend) return this.#lastLane;
    let lane = this.#lanes.get(backend);
    if (lane === undefined) this.#lanes.set(backend, (lane = { underWay: 0 }));
    this.#lastBackend = backend;
    this.#lastLane = lane;
    return lane;
  }

  #record(
    backend: Backend,
    work: Work,
    answer: BackendAnswer,
    startedAtMs: number,
    nowMs: number,
    fallback: boolean,
    { uploadedBytes, queued }: Load,
  ): AttemptReport {
    const attempt: AttemptReport = {
      operation: work.operation,
      backend: backend.id,
      device: backend.kind,
      outcome: answer.ok ? 'success' : answer.error.kind,
      latencyMs: nowMs - startedAtMs,
      fallback,
      phases: answer.ok ? answer.value : undefined,
      error: answer.ok ? undefined : answer.error,
    };
    this.#tracker.record(attempt);
    this.#policy.observe({ work, attempt, uploadedBytes, queued, nowMs });
    return attempt;
  }
}

/** Of one device. */
interface Lane {
  /** Attempts that it has not answered yet; those that were given up do not count. */
  underWay: number;
}

/** What made an attempt slower than its work alone. */
interface Load {
  readonly uploadedBytes: number;
  readonly queued: boolean;
}

const ALONE: Load = { uploadedBytes: 0, queued: false };
const BEHIND_OTHERS: Load = { uploadedBytes: 0, queued: true };
