import type { AttemptReport, DispatchPolicy, SyncBackend, Work } from '@gearshift/contracts';
import { attemptChannel } from '../channels.js';
import { missingBytes, type Device, type DeviceGuard } from '../devices/device.js';
import type { AttemptTracker } from '../dispatcher.js';
import type { BackendAnswer } from '../operations/dispatch-operation.js';
import { checkAnswer, isCallersMistake, thrownAnswer } from './check-answer.js';
import { GuardedAttempts, type GuardedAttemptsOptions } from './guarded-attempts.js';
import type { AttemptPlan, Job } from './job.js';

export interface AttemptRunnerOptions extends GuardedAttemptsOptions {
  readonly tracker: AttemptTracker;
  readonly policy: DispatchPolicy;
}

/**
 * Runs single attempts. Whatever a backend does, an attempt ends in one report, recorded once under the device that ran it:
 * a GPU that does not answer is given up in time, what it writes later is never seen, and a sample of its answers is verified.
 * The only thing thrown is a TypeError or RangeError of the last device: these are a caller's mistake by the contract of
 * backends (a buffer detached half-way, say), and no attempt is recorded then.
 */
export class AttemptRunner {
  readonly #tracker: AttemptTracker;
  readonly #policy: DispatchPolicy;
  readonly #clock: () => number;
  readonly #guarded: GuardedAttempts;

  constructor(options: AttemptRunnerOptions) {
    this.#tracker = options.tracker;
    this.#policy = options.policy;
    this.#clock = options.clock;
    this.#guarded = new GuardedAttempts(options);
  }

  run(device: Device, job: Job, plan: AttemptPlan): Promise<AttemptReport> {
    if (attemptChannel.hasSubscribers) {
      const event = { operation: job.work.operation, backend: device.backend.id, fallback: plan.fallback };
      return attemptChannel.tracePromise(() => this.#run(device, job, plan), event);
    }
    return this.#run(device, job, plan);
  }

  /** The same at once, on the only device there is for it. */
  runSync(device: Device, backend: SyncBackend, job: Job): AttemptReport {
    if (attemptChannel.hasSubscribers) {
      const event = { operation: job.work.operation, backend: backend.id, fallback: false };
      return attemptChannel.traceSync(() => this.#runSync(device, backend, job), event);
    }
    return this.#runSync(device, backend, job);
  }

  #run(device: Device, job: Job, plan: AttemptPlan): Promise<AttemptReport> {
    return device.guard === undefined
      ? this.#runPlain(device, job, plan)
      : this.#runGuarded(device, device.guard, job, plan);
  }

  /** Without a guard: a CPU shares the fate of the program. So no timer, and no memory but the output's. */
  async #runPlain(device: Device, job: Job, plan: AttemptPlan): Promise<AttemptReport> {
    const { backend } = device;
    const queued = device.attemptsUnderWay > 0;
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
    return this.#record(device, job.work, answer, startedAtMs, this.#clock(), plan.fallback, 0, queued);
  }

  async #runGuarded(device: Device, guard: DeviceGuard, job: Job, plan: AttemptPlan): Promise<AttemptReport> {
    const { request, work } = job;
    const uploadedBytes = work.requestBytes + Math.min(missingBytes(device.backend, request, work), work.rangeBytes);
    const queued = device.attemptsUnderWay > 0;
    device.attemptsUnderWay += 1;
    try {
      const { answer, startedAtMs, endedAtMs } = await this.#guarded.run(device, guard, job, plan);
      return this.#record(device, work, answer, startedAtMs, endedAtMs, plan.fallback, uploadedBytes, queued);
    } finally {
      device.attemptsUnderWay -= 1;
    }
  }

  #runSync(device: Device, backend: SyncBackend, job: Job): AttemptReport {
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
    return this.#record(device, job.work, answer, startedAtMs, this.#clock(), false, 0, queued);
  }

  #record(
    { backend }: Device,
    work: Work,
    answer: BackendAnswer,
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
