import type { AttemptReport, Backend, PreparedRequest, SyncBackend, TopKOutput } from '@gearshift/contracts';
import { checkAnswer, thrownAnswer, type BackendAnswer } from './backend-answer.js';
import { callBackend, callBackendSync } from './call-backend.js';
import type { AttemptTracker } from './dispatcher.js';
import { attemptChannel } from './events.js';
import type { DispatchPolicy } from './policies/dispatch-policy.js';
import type { Work } from './work.js';

/** One request on its way through the devices. */
export interface Job {
  readonly request: PreparedRequest;
  readonly output: Float32Array | TopKOutput;
  readonly work: Work;
  readonly signal: AbortSignal | undefined;
}

/**
 * Runs single attempts. Whatever a backend does, an attempt ends in one report, recorded once under the device that ran
 * it. The only thing thrown is a TypeError or RangeError of a backend that nobody stands in for: these are a caller's
 * mistake by the contract of backends (a buffer detached half-way, say), and no attempt is recorded then.
 */
export class AttemptRunner {
  readonly #tracker: AttemptTracker;
  readonly #policy: DispatchPolicy;
  readonly #clock: () => number;

  constructor(tracker: AttemptTracker, policy: DispatchPolicy, clock: () => number) {
    this.#tracker = tracker;
    this.#policy = policy;
    this.#clock = clock;
  }

  /**
   * @param fallback an earlier attempt at the same job failed.
   * @param last no other device will be tried.
   */
  run(backend: Backend, job: Job, fallback: boolean, last: boolean): Promise<AttemptReport> {
    if (!attemptChannel.hasSubscribers) return this.#run(backend, job, fallback, last);
    const event = { operation: job.work.operation, backend: backend.id, fallback };
    return attemptChannel.tracePromise(() => this.#run(backend, job, fallback, last), event);
  }

  /** The same at once, on the only device there is for it. */
  runSync(backend: SyncBackend, job: Job): AttemptReport {
    if (!attemptChannel.hasSubscribers) return this.#runSync(backend, job);
    const event = { operation: job.work.operation, backend: backend.id, fallback: false };
    return attemptChannel.traceSync(() => this.#runSync(backend, job), event);
  }

  async #run(backend: Backend, job: Job, fallback: boolean, last: boolean): Promise<AttemptReport> {
    clearCount(job.output);
    const startedAtMs = this.#clock();
    let answer: BackendAnswer;
    try {
      const given = await callBackend(backend, job.request, job.output, job.signal);
      answer = checkAnswer(backend.id, job.request, job.output, given, job.signal?.aborted === true);
    } catch (thrown) {
      if (last && isCallersMistake(thrown)) throw thrown;
      answer = thrownAnswer(backend.id, thrown);
    }
    return this.#record(backend, job.work, answer, startedAtMs, fallback);
  }

  #runSync(backend: SyncBackend, job: Job): AttemptReport {
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
    return this.#record(backend, job.work, answer, startedAtMs, false);
  }

  #record(backend: Backend, work: Work, answer: BackendAnswer, startedAtMs: number, fallback: boolean): AttemptReport {
    const nowMs = this.#clock();
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
    this.#policy.observe({ work, attempt, uploadedBytes: 0, queued: false, nowMs });
    return attempt;
  }
}

/** So that a backend which leaves the count alone is found out, also when an earlier attempt had set it. */
function clearCount(output: Float32Array | TopKOutput): void {
  if ('count' in output) output.count = 0;
}

function isCallersMistake(thrown: unknown): boolean {
  return thrown instanceof TypeError || thrown instanceof RangeError;
}
