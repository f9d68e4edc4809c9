import {
  expected,
  ok,
  prepareRequest,
  type AttemptReport,
  type Backend,
  type Decision,
  type OperationName,
  type OperationRequest,
  type Result,
  type SyncBackend,
  type TopKOutput,
} from '@gearshift/contracts';
import { acceptsRequest } from './accepts-request.js';
import { AttemptRunner, type Job } from './attempt-runner.js';
import type { DecisionCounts } from './decision-counts.js';
import { DeviceChooser, type Choice } from './device-chooser.js';
import type { Dispatcher, FallbackMode, RunOptions } from './dispatcher.js';
import type { CheckedDispatcherOptions } from './dispatcher-options.js';
import { runChannel } from './events.js';
import { checkHangLimits } from './failures/hang-limit.js';
import { SampledVerification } from './failures/sampled-verification.js';
import { NODE_TIMERS } from './failures/timers.js';
import { fallbackOrder } from './fallback-order.js';
import { outputFor } from './output-for.js';
import type { DispatchPolicy } from './policies/dispatch-policy.js';
import { runFailure } from './run-failure.js';
import type { Completed, OutputOf, RunError } from './run-outcome.js';
import { describeWork } from './work.js';

type Outcome = Result<Completed, RunError>;

/** The one implementation of {@link Dispatcher}. */
export class PolicyDispatcher implements Dispatcher {
  readonly backends: readonly Backend[];
  readonly policy: DispatchPolicy;
  readonly fallback: FallbackMode;
  readonly #clock: () => number;
  readonly #chooser: DeviceChooser;
  readonly #attempts: AttemptRunner;
  readonly #syncBackend: SyncBackend | undefined;
  /** Who is tried after a backend failed; nobody in strict mode. */
  readonly #standIns: ReadonlyMap<Backend, readonly Backend[]>;

  constructor({ backends, policy, tracker, fallback, clock }: CheckedDispatcherOptions) {
    const strict = fallback === 'never';
    this.backends = backends;
    this.policy = policy;
    this.fallback = fallback;
    this.#clock = clock;
    this.#chooser = new DeviceChooser(backends, policy, tracker, strict);
    this.#attempts = new AttemptRunner({
      tracker,
      policy,
      clock,
      timers: NODE_TIMERS,
      hangLimits: checkHangLimits({}),
      verification: new SampledVerification(),
      breakers: new Map(),
    });
    this.#syncBackend = backends.find(isSyncCpu);
    this.#standIns = new Map(backends.map((backend) => [backend, strict ? [] : fallbackOrder(backends, backend)]));
  }

  // Inside, all operations share one path, which does not know the exact type of the output. The casts of these two
  // give it back: an output always has the type that belongs to its request.
  run<R extends OperationRequest>(request: R, output?: OutputOf<R>, options?: RunOptions) {
    const outcome = runChannel.hasSubscribers
      ? runChannel.tracePromise(() => this.#run(request, output, options), { operation: nameOf(request), sync: false })
      : this.#run(request, output, options);
    return outcome as Promise<Result<Completed<OutputOf<R>>, RunError>>;
  }

  runSync<R extends OperationRequest>(request: R, output?: OutputOf<R>) {
    const outcome = runChannel.hasSubscribers
      ? runChannel.traceSync(() => this.#runSync(request, output), { operation: nameOf(request), sync: true })
      : this.#runSync(request, output);
    return outcome as Result<Completed<OutputOf<R>>, RunError>;
  }

  decisions(operation: OperationName): DecisionCounts {
    return this.#chooser.counts.of(operation);
  }

  async #run(
    request: OperationRequest,
    output: Float32Array | TopKOutput | undefined,
    options: RunOptions | undefined,
  ): Promise<Outcome> {
    const prepared = prepareRequest(request);
    const target = outputFor(prepared, output);
    const signal = checkSignal(options?.signal);
    const startedAtMs = this.#clock();
    if (signal?.aborted === true) return runFailure('aborted', null, [], 0);
    if (prepared.outputLength === 0) return nothingToDo(target);

    const work = describeWork(prepared);
    const choice = this.#chooser.choose(prepared, work);
    if (choice === null) return runFailure('unsupported', null, [], this.#clock() - startedAtMs);
    return this.#tryDevices(
      choice,
      { request: prepared, output: target, ownsOutput: output === undefined, work, signal },
      startedAtMs,
    );
  }

  /** The chosen device first, then those that stand in for it. */
  async #tryDevices({ backend: chosen, decision }: Choice, job: Job, startedAtMs: number): Promise<Outcome> {
    const standIns = this.#standIns.get(chosen) ?? [];
    const attempts: AttemptReport[] = [];
    let backend = chosen;
    let next = 0;
    for (;;) {
      const fallback = attempts.length > 0;
      const plan = { fallback, last: next === standIns.length, probe: false, predictedMs: NaN };
      const attempt = await this.#attempts.run(backend, job, plan);
      attempts.push(attempt);
      const latencyMs = this.#clock() - startedAtMs;
      if (attempt.outcome === 'success') return completed(job.output, decision, attempts, latencyMs);
      if (job.signal?.aborted === true) return runFailure('aborted', decision, attempts, latencyMs);
      while (next < standIns.length && !acceptsRequest(standIns[next], job.request)) next += 1;
      if (next === standIns.length) return runFailure(attempt.outcome, decision, attempts, latencyMs);
      backend = standIns[next++];
    }
  }

  #runSync(request: OperationRequest, output: Float32Array | TopKOutput | undefined): Outcome {
    const prepared = prepareRequest(request);
    const target = outputFor(prepared, output);
    if (prepared.outputLength === 0) return nothingToDo(target);
    const backend = this.#syncBackend;
    if (backend === undefined) return runFailure('unsupported', null, [], 0);

    const work = describeWork(prepared);
    const decision = this.#chooser.force(backend, work);
    const attempt = this.#attempts.runSync(backend, {
      request: prepared,
      output: target,
      ownsOutput: output === undefined,
      work,
      signal: undefined,
    });
    // Nothing was decided and nobody waited, so the attempt is the run; each look at a clock costs as much as a short scan.
    const { latencyMs } = attempt;
    if (attempt.outcome === 'success') return completed(target, decision, [attempt], latencyMs);
    return runFailure(attempt.outcome, decision, [attempt], latencyMs);
  }
}

function completed(
  output: Float32Array | TopKOutput,
  decision: Decision,
  attempts: readonly AttemptReport[],
  latencyMs: number,
): Outcome {
  return ok({ output, decision, attempts, latencyMs, phases: attempts[attempts.length - 1].phases ?? null });
}

function nothingToDo(output: Float32Array | TopKOutput): Outcome {
  if ('count' in output) output.count = 0;
  return ok({ output, decision: null, attempts: [], latencyMs: 0, phases: null });
}

function checkSignal(signal: AbortSignal | undefined): AbortSignal | undefined {
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError(expected('signal', 'an AbortSignal', signal));
  }
  return signal;
}

function isSyncCpu(backend: Backend): backend is SyncBackend {
  return backend.kind === 'cpu' && 'topKSync' in backend && typeof backend.topKSync === 'function';
}

/** For the trace only: what is no request at all is refused right after. */
function nameOf(request: OperationRequest): OperationName {
  return String(request?.operation);
}
