import {
  err,
  type AttemptReport,
  type BackendError,
  type DispatchPolicy,
  type SyncBackend,
  type Work,
} from '@gearshift/contracts';
import { searchOf, type OperationOutput } from '@gearshift/contracts/internal';
import type { Timers } from '@gearshift/splitter';
import { raceAgainst, type CallEnd } from '@gearshift/splitter/engine';
import { attemptChannel } from '../channels.js';
import { formOf, missingBytes, type Device, type DeviceGuard } from '../devices/device.js';
import type { AttemptTracker } from '../dispatcher.js';
import type { BackendAnswer } from '../operations/dispatch-operation.js';
import { describeMismatch } from '../verification/describe-mismatch.js';
import type { SampledVerification } from '../verification/sampled-verification.js';
import { checkAnswer, isCallersMistake, thrownAnswer } from './check-answer.js';
import { ABORT_GRACE_MS, hangLimitMs, type checkHangLimits } from './hang-limit.js';
import type { AttemptPlan, Job } from './job.js';
import { SharedTimer } from './shared-timer.js';

export interface AttemptRunnerOptions {
  readonly tracker: AttemptTracker;
  readonly policy: DispatchPolicy;
  readonly clock: () => number;
  readonly timers: Timers;
  readonly hangLimits: ReturnType<typeof checkHangLimits>;
  readonly verification: SampledVerification;
}

/**
 * Runs single attempts. Whatever a backend does, an attempt ends in one report, recorded once under the device that ran it.
 * It throws only a TypeError or RangeError of the last device. By the contract of backends these are a caller's mistake (such
 * as a buffer that was detached during the run), and no attempt is recorded then.
 */
export class AttemptRunner {
  readonly #options: AttemptRunnerOptions;
  readonly #clock: () => number;
  readonly #timers: Timers;

  constructor(options: AttemptRunnerOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#timers = new SharedTimer(options.timers, options.clock);
  }

  run(device: Device, job: Job, plan: AttemptPlan): Promise<AttemptReport> {
    if (attemptChannel.hasSubscribers) return this.#runTraced(device, job, plan);
    return device.guard === undefined
      ? this.#runPlain(device, job, plan)
      : this.#runGuarded(device, device.guard, job, plan);
  }

  /** Runs an attempt synchronously, on the only device for it. */
  runSync(device: Device, backend: SyncBackend, job: Job): AttemptReport {
    if (attemptChannel.hasSubscribers) {
      const event = { operation: job.work.operation, backend: backend.id, fallback: false };
      return attemptChannel.traceSync(() => this.#runSync(device, backend, job), event);
    }
    return this.#runSync(device, backend, job);
  }

  #runTraced(device: Device, job: Job, plan: AttemptPlan): Promise<AttemptReport> {
    const { guard } = device;
    const event = { operation: job.work.operation, backend: device.backend.id, fallback: plan.fallback };
    return attemptChannel.tracePromise(
      () => (guard === undefined ? this.#runPlain(device, job, plan) : this.#runGuarded(device, guard, job, plan)),
      event,
    );
  }

  /** Without a guard, because a CPU fails only with the program: no timer, and no memory except the output. */
  async #runPlain(device: Device, job: Job, plan: AttemptPlan): Promise<AttemptReport> {
    const { backend } = device;
    const queued = device.attemptsUnderWay > 0;
    const form = formOf(backend, job.request);
    device.attemptsUnderWay += 1;
    job.operation.clearOutput(job.output);
    const startedAtMs = this.#clock();
    let answer: BackendAnswer;
    try {
      const given = await job.operation.run(backend, job.request, job.output, job.signal);
      answer = checkAnswer(backend.id, job, job.output, given);
    } catch (thrown) {
      if (plan.last && isCallersMistake(thrown)) throw thrown;
      answer = thrownAnswer(backend.id, thrown);
    } finally {
      device.attemptsUnderWay -= 1;
    }
    if (!answer.ok && job.ownsOutput && isSpoiltBy(answer.error)) {
      job.output = job.operation.createOutput(job.request);
    }
    return this.#record(
      device,
      job.work,
      answer,
      job.output,
      form,
      startedAtMs,
      this.#clock(),
      plan.fallback,
      0,
      queued,
    );
  }

  /**
   * Runs an attempt on a device that may hang, return wrong results or disappear. The device writes only into memory that no
   * other code can see: the job's own output, or else a scratch output, which is copied after success. When it does not answer
   * in time the attempt is abandoned: its signal fires, its outcome is ignored, and the memory is never used again, because the
   * device may still write into it. A sample of the answers is verified.
   */
  async #runGuarded(device: Device, { breaker }: DeviceGuard, job: Job, plan: AttemptPlan): Promise<AttemptReport> {
    const { hangLimits, verification } = this.#options;
    const { backend } = device;
    const { operation, request, work } = job;
    const uploadedBytes = work.requestBytes + Math.min(missingBytes(backend, request, work), work.rangeBytes);
    const queued = device.attemptsUnderWay > 0;
    const form = formOf(backend, request);
    device.attemptsUnderWay += 1;
    try {
      const limitMs = hangLimitMs(plan.predictedMs, hangLimits);
      const ticket = breaker.begin(plan.probe, limitMs);
      const output = job.ownsOutput ? job.output : operation.outputLike(job.output);
      operation.clearOutput(output);
      const startedAtMs = this.#clock();
      const end = await raceAgainst((signal) => operation.run(backend, request, output, signal), {
        signal: job.signal,
        limitMs,
        abortGraceMs: ABORT_GRACE_MS,
        timers: this.#timers,
      });
      const endedAtMs = this.#clock();
      if (plan.last && end.how === 'threw' && isCallersMistake(end.error)) {
        breaker.record('invalid-input', endedAtMs - startedAtMs, plan.probe, ticket);
        throw end.error;
      }
      let answer = answerOf(end, backend.id, job, output, limitMs);
      if (job.ownsOutput && (end.how === 'given-up' || (!answer.ok && isSpoiltBy(answer.error)))) {
        job.output = operation.createOutput(request);
      }
      if (answer.ok && verification.isDue(request, plan.probe)) {
        const mismatch = await verification.verify(backend, request, output, plan.probe);
        if (mismatch !== null) answer = wrongAnswer(backend.id, describeMismatch(mismatch));
      }
      breaker.record(answer.ok ? 'success' : answer.error.kind, endedAtMs - startedAtMs, plan.probe, ticket);
      if (answer.ok && output !== job.output) operation.copyOutput(request, output, job.output);
      return this.#record(
        device,
        work,
        answer,
        output,
        form,
        startedAtMs,
        endedAtMs,
        plan.fallback,
        uploadedBytes,
        queued,
      );
    } finally {
      device.attemptsUnderWay -= 1;
    }
  }

  #runSync(device: Device, backend: SyncBackend, job: Job): AttemptReport {
    const form = formOf(backend, job.request);
    job.operation.clearOutput(job.output);
    const startedAtMs = this.#clock();
    let answer: BackendAnswer;
    try {
      const given = job.operation.runSync(backend, job.request, job.output);
      answer = checkAnswer(backend.id, job, job.output, given);
    } catch (thrown) {
      if (isCallersMistake(thrown)) throw thrown;
      answer = thrownAnswer(backend.id, thrown);
    }
    const queued = device.attemptsUnderWay > 0;
    return this.#record(device, job.work, answer, job.output, form, startedAtMs, this.#clock(), false, 0, queued);
  }

  #record(
    { backend }: Device,
    work: Work,
    answer: BackendAnswer,
    output: OperationOutput,
    form: string | undefined,
    startedAtMs: number,
    nowMs: number,
    fallback: boolean,
    uploadedBytes: number,
    queued: boolean,
  ): AttemptReport {
    const attempt: AttemptReport = {
      operation: work.operation,
      backend: backend.id,
      device: backend.kind,
      outcome: answer.ok ? 'success' : answer.error.kind,
      // A clock of the caller that goes back must not make trackers refuse the report.
      latencyMs: nowMs > startedAtMs ? nowMs - startedAtMs : 0,
      waitMs: queued ? measuredWaitOf(answer) : 0,
      fallback,
      phases: answer.ok ? answer.value : undefined,
      search: answer.ok ? searchOf(output) : undefined,
      error: answer.ok ? undefined : answer.error,
    };
    this.#options.tracker.record(attempt);
    this.#options.policy.observe({ work, attempt, form, uploadedBytes, queued, nowMs });
    return attempt;
  }
}

/** How long an attempt waited for others; undefined where the backend cannot measure phases, and reports 0. */
function measuredWaitOf(answer: BackendAnswer): number | undefined {
  const isMeasured = answer.ok && (answer.value.queueMs > 0 || !answer.value.fused);
  return isMeasured ? answer.value.queueMs : undefined;
}

function answerOf(
  end: CallEnd<BackendAnswer>,
  backend: string,
  job: Job,
  output: OperationOutput,
  limitMs: number,
): BackendAnswer {
  if (end.how === 'given-up') {
    const message = end.kind === 'aborted' ? 'it did not answer an abort' : `it did not answer within ${limitMs} ms`;
    return err({ kind: end.kind, message: `${backend}: ${message}`, backend });
  }
  return end.how === 'threw' ? thrownAnswer(backend, end.error) : checkAnswer(backend, job, output, end.value);
}

/** The device may still write into the output, or has made it useless, such as by transferring it to another thread. */
function isSpoiltBy({ kind }: BackendError): boolean {
  return kind === 'timeout' || kind === 'invalid-result';
}

function wrongAnswer(backend: string, mismatch: string): BackendAnswer {
  return err({ kind: 'invalid-result', message: `${backend}: ${mismatch}`, backend });
}
