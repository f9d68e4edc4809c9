import { err, type Backend, type TopKOutput } from '@gearshift/contracts';
import type { AttemptPlan, AttemptRunnerOptions, Job } from '../attempt-runner.js';
import { checkAnswer, thrownAnswer, type BackendAnswer } from '../backend-answer.js';
import { callBackend } from '../call-backend.js';
import type { CircuitBreaker } from './circuit-breaker.js';
import { hangLimitMs, type checkHangLimits } from './hang-limit.js';
import { HangWatch } from './hang-watch.js';
import { describeMismatch } from './describe-mismatch.js';
import { copyOutput, outputLike } from './own-output.js';
import type { SampledVerification } from './sampled-verification.js';

type Output = Float32Array | TopKOutput;

export interface GuardedAnswer {
  readonly answer: BackendAnswer;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
}

/** What the backend answered, or threw, or that it did neither. */
type Settled = { readonly given: BackendAnswer } | { readonly thrown: unknown } | 'overdue';

/** How long a backend may take to notice that the caller gave up. */
const ABORT_GRACE_MS = 250;

/**
 * Attempts on devices that may hang, lie or disappear.
 *
 * A GPU writes only into memory that nobody else can see: an output that is the job's own, or else a scratch one whose
 * contents are copied when the attempt has succeeded. When the device does not answer in time the attempt is abandoned:
 * its signal fires, and the memory is never used again, because the device may write into it at any later time. What the
 * abandoned attempt comes to in the end is of no interest to anybody.
 */
export class GuardedAttempts {
  readonly #clock: () => number;
  readonly #hangLimits: ReturnType<typeof checkHangLimits>;
  readonly #watch: HangWatch;
  readonly #verification: SampledVerification;
  readonly #breakers: ReadonlyMap<Backend, CircuitBreaker>;

  constructor({ clock, timers, hangLimits, verification, breakers }: AttemptRunnerOptions) {
    this.#clock = clock;
    this.#hangLimits = hangLimits;
    this.#watch = new HangWatch(timers, clock);
    this.#verification = verification;
    this.#breakers = breakers;
  }

  /** @throws the TypeError or RangeError of a backend where the plan says that no other device will be tried. */
  async run(backend: Backend, job: Job, plan: AttemptPlan): Promise<GuardedAnswer> {
    const breaker = this.#breakers.get(backend);
    const limitMs = hangLimitMs(plan.predictedMs, this.#hangLimits);
    const ticket = breaker?.begin(plan.probe, limitMs);
    const output = job.ownsOutput ? job.output : outputLike(job.output);
    clearCount(output);
    const startedAtMs = this.#clock();
    const settled = await this.#settle(backend, job, output, startedAtMs, limitMs);
    const endedAtMs = this.#clock();
    if (plan.last && settled !== 'overdue' && 'thrown' in settled && isCallersMistake(settled.thrown)) {
      breaker?.record('invalid-input', endedAtMs - startedAtMs, plan.probe, ticket);
      throw settled.thrown;
    }
    if (settled === 'overdue' && job.ownsOutput) job.output = outputLike(output);
    let answer = answerOf(settled, backend, job, output, limitMs);
    if (answer.ok) answer = await this.#verified(backend, job, output, plan.probe, answer);
    breaker?.record(answer.ok ? 'success' : answer.error.kind, endedAtMs - startedAtMs, plan.probe, ticket);
    if (answer.ok && output !== job.output) copyOutput(output, job.output, job.request.outputLength);
    return { answer, startedAtMs, endedAtMs };
  }

  #settle(backend: Backend, job: Job, output: Output, nowMs: number, limitMs: number): Promise<Settled> {
    return new Promise((resolve) => {
      const controller = new AbortController();
      const { signal } = job;
      const forwardAbort = () => {
        controller.abort(signal?.reason);
        this.#watch.hurry(watched, ABORT_GRACE_MS);
      };
      const release = () => {
        this.#watch.settled(watched);
        signal?.removeEventListener('abort', forwardAbort);
      };
      const watched = this.#watch.watch(nowMs, limitMs, () => {
        signal?.removeEventListener('abort', forwardAbort);
        // Before the backend hears of it: it may answer at once that it was aborted, which would sound like the caller.
        resolve('overdue');
        controller.abort();
      });
      if (signal?.aborted === true) forwardAbort();
      else signal?.addEventListener('abort', forwardAbort);
      try {
        // Both ways are listened to for ever, so that a late rejection is nobody's surprise; settled promises ignore them.
        Promise.resolve(callBackend(backend, job.request, output, controller.signal)).then(
          (given) => {
            release();
            resolve({ given });
          },
          (thrown: unknown) => {
            release();
            resolve({ thrown });
          },
        );
      } catch (thrown) {
        release();
        resolve({ thrown });
      }
    });
  }

  async #verified(
    backend: Backend,
    job: Job,
    output: Output,
    probe: boolean,
    answer: BackendAnswer,
  ): Promise<BackendAnswer> {
    if (!this.#verification.isDue(job.request, probe)) return answer;
    const mismatch = await this.#verification.verify(backend, job.request, output, probe);
    if (mismatch === null) return answer;
    const message = `${backend.id}: ${describeMismatch(mismatch)}`;
    return err({ kind: 'invalid-result', message, backend: backend.id });
  }
}

function answerOf(settled: Settled, backend: Backend, job: Job, output: Output, limitMs: number): BackendAnswer {
  const aborted = job.signal?.aborted === true;
  if (settled === 'overdue') {
    const message = aborted ? 'it did not answer an abort' : `it did not answer within ${limitMs} ms`;
    return err({ kind: aborted ? 'aborted' : 'timeout', message: `${backend.id}: ${message}`, backend: backend.id });
  }
  if ('thrown' in settled) return thrownAnswer(backend.id, settled.thrown);
  try {
    return checkAnswer(backend.id, job.request, output, settled.given, aborted);
  } catch (thrown) {
    // Even looking at what it answered may throw.
    return thrownAnswer(backend.id, thrown);
  }
}

/** So that a backend which leaves the count alone is found out, also when an earlier attempt had set it. */
export function clearCount(output: Output): void {
  if ('count' in output) output.count = 0;
}

export function isCallersMistake(thrown: unknown): thrown is TypeError | RangeError {
  return thrown instanceof TypeError || thrown instanceof RangeError;
}
