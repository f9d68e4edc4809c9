import { err } from '@gearshift/contracts';
import type { OperationOutput } from '@gearshift/contracts/internal';
import type { Timers } from '@gearshift/splitter';
import { guardedCall, type CallEnd } from '@gearshift/splitter/engine';
import type { Device, DeviceGuard } from '../devices/device.js';
import { describeMismatch } from '../verification/describe-mismatch.js';
import type { SampledVerification } from '../verification/sampled-verification.js';
import type { BackendAnswer } from '../operations/dispatch-operation.js';
import { checkAnswer, isCallersMistake, thrownAnswer } from './check-answer.js';
import { hangLimitMs, type checkHangLimits } from './hang-limit.js';
import type { AttemptPlan, Job } from './job.js';
import { SharedTimer } from './shared-timer.js';

export interface GuardedAnswer {
  readonly answer: BackendAnswer;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
}

export interface GuardedAttemptsOptions {
  readonly clock: () => number;
  readonly timers: Timers;
  readonly hangLimits: ReturnType<typeof checkHangLimits>;
  readonly verification: SampledVerification;
}

/** How long a backend may take to notice an abort. */
const ABORT_GRACE_MS = 250;

/**
 * Attempts on devices that may hang, lie or disappear.
 *
 * A GPU writes only into memory that no other code can see: an output that is the job's own, or else a scratch one, which is
 * copied when the attempt has succeeded. When the device does not answer in time the attempt is abandoned: its signal fires,
 * and the memory is never used again, because the device may write into it at any later time. The outcome of an abandoned
 * attempt is ignored.
 */
export class GuardedAttempts {
  readonly #options: GuardedAttemptsOptions;
  readonly #timers: Timers;

  constructor(options: GuardedAttemptsOptions) {
    this.#options = options;
    this.#timers = new SharedTimer(options.timers, options.clock);
  }

  /** @throws the TypeError or RangeError of a backend where the plan says that no other device will be tried. */
  async run(device: Device, { breaker }: DeviceGuard, job: Job, plan: AttemptPlan): Promise<GuardedAnswer> {
    const { clock, hangLimits } = this.#options;
    const { backend } = device;
    const limitMs = hangLimitMs(plan.predictedMs, hangLimits);
    const ticket = breaker.begin(plan.probe, limitMs);
    const { operation, request } = job;
    const output = job.ownsOutput ? job.output : operation.outputLike(job.output);
    operation.clearOutput(output);
    const startedAtMs = clock();
    const end = await guardedCall((signal) => operation.run(backend, request, output, signal), {
      signal: job.signal,
      limitMs,
      abortGraceMs: ABORT_GRACE_MS,
      timers: this.#timers,
    });
    const endedAtMs = clock();
    if (plan.last && end.how === 'threw' && isCallersMistake(end.error)) {
      breaker.record('invalid-input', endedAtMs - startedAtMs, plan.probe, ticket);
      throw end.error;
    }
    if (end.how === 'given-up' && job.ownsOutput) job.output = operation.outputLike(output);
    let answer = answerOf(end, backend.id, job, output, limitMs);
    if (answer.ok) answer = await this.#verified(device, job, output, plan.probe, answer);
    breaker.record(answer.ok ? 'success' : answer.error.kind, endedAtMs - startedAtMs, plan.probe, ticket);
    if (answer.ok && output !== job.output) operation.copyOutput(request, output, job.output);
    return { answer, startedAtMs, endedAtMs };
  }

  async #verified(
    { backend }: Device,
    { request }: Job,
    output: OperationOutput,
    probe: boolean,
    answer: BackendAnswer,
  ): Promise<BackendAnswer> {
    const { verification } = this.#options;
    if (!verification.isDue(request, probe)) return answer;
    const mismatch = await verification.verify(backend, request, output, probe);
    if (mismatch === null) return answer;
    const message = `${backend.id}: ${describeMismatch(mismatch)}`;
    return err({ kind: 'invalid-result', message, backend: backend.id });
  }
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
  if (end.how === 'threw') return thrownAnswer(backend, end.error);
  try {
    return checkAnswer(backend, job, output, end.value);
  } catch (thrown) {
    // Even reading the answer may throw.
    return thrownAnswer(backend, thrown);
  }
}
