import {
  ok,
  prepareRequest,
  type AttemptReport,
  type Backend,
  type Decision,
  type DecisionReason,
  type OperationName,
  type OperationRequest,
  type Result,
  type SyncBackend,
  type TopKOutput,
} from '@gearshift/contracts';
import { acceptsRequest } from './accepts-request.js';
import { AttemptRunner, type Job } from './attempt-runner.js';
import { DecisionCounter, type DecisionCounts } from './decision-counts.js';
import { DeviceChooser, type Choice } from './device-chooser.js';
import { dispatchSnapshot, type DispatchSnapshot } from './dispatch-snapshot.js';
import type { ChangeableOptions, Dispatcher, FallbackMode, RunOptions } from './dispatcher.js';
import { checkDispatcherOptions, type CheckedDispatcherOptions } from './dispatcher-options.js';
import { runChannel } from './events.js';
import { SampledVerification } from './failures/sampled-verification.js';
import { fallbackOrder } from './fallback-order.js';
import { outputFor } from './output-for.js';
import { DeviceQueue } from './placement/device-queue.js';
import { gpuPlaces, type GpuPlace } from './placement/gpu-place.js';
import { checkPartial } from './placement/check-partial.js';
import { cutIntoPieces, type Pieces } from './placement/pieces.js';
import { resumeRun, runOnGpu, type PlacedRunEnd, type UnfinishedRun } from './placement/placed-run.js';
import { timeLimit, type TimeLimit } from './placement/time-limit.js';
import type { DispatchPolicy } from './policies/dispatch-policy.js';
import { runFailure } from './run-failure.js';
import type { Completed, OutputOf, PartialAnswer, RunError, RunErrorKind } from './run-outcome.js';
import { describeWork } from './work.js';

type Output = Float32Array | TopKOutput;
type Outcome = Result<Completed, RunError>;

/** What hangs together with the options, made anew when they change. */
interface Equipment {
  readonly options: CheckedDispatcherOptions;
  readonly chooser: DeviceChooser;
  readonly attempts: AttemptRunner;
  /** Who is tried after a backend failed; nobody in strict mode. */
  readonly standIns: ReadonlyMap<Backend, readonly Backend[]>;
}

/** The one implementation of {@link Dispatcher}. */
export class PolicyDispatcher implements Dispatcher {
  readonly backends: readonly Backend[];
  readonly #counts = new DecisionCounter();
  readonly #places: ReadonlyMap<Backend, GpuPlace>;
  readonly #queues: ReadonlyMap<Backend, DeviceQueue>;
  readonly #syncBackend: SyncBackend | undefined;
  #equipment: Equipment;

  constructor(options: CheckedDispatcherOptions) {
    const { backends, clock } = options;
    this.backends = backends;
    this.#places = gpuPlaces(backends, clock);
    this.#queues = new Map(backends.length > 1 ? backends.map((backend) => [backend, new DeviceQueue()]) : []);
    this.#syncBackend = backends.find(isSyncCpu);
    this.#equipment = this.#equip(options);
  }

  get policy(): DispatchPolicy {
    return this.#equipment.options.policy;
  }

  get fallback(): FallbackMode {
    return this.#equipment.options.fallback;
  }

  // Inside, all operations share one path, which does not know the exact type of the output. The casts of these three
  // give it back: an output always has the type that belongs to its request.
  run<R extends OperationRequest>(request: R, output?: OutputOf<R>, options?: RunOptions) {
    return this.#traced(request, () => this.#run(request, output, options)) as Promise<
      Result<Completed<OutputOf<R>>, RunError>
    >;
  }

  resume<R extends OperationRequest>(request: R, partial: PartialAnswer, options?: RunOptions) {
    return this.#traced(request, () => this.#resume(request, partial, options)) as Promise<
      Result<Completed<OutputOf<R>>, RunError>
    >;
  }

  runSync<R extends OperationRequest>(request: R, output?: OutputOf<R>) {
    const outcome = runChannel.hasSubscribers
      ? runChannel.traceSync(() => this.#runSync(request, output), { operation: nameOf(request), sync: true })
      : this.#runSync(request, output);
    return outcome as Result<Completed<OutputOf<R>>, RunError>;
  }

  updateOptions({ policy, fallback, verifyEveryNth, hangLimits }: ChangeableOptions): void {
    const before = this.#equipment.options;
    const options = checkDispatcherOptions({
      ...before,
      policy: policy ?? before.policy,
      fallback: fallback ?? before.fallback,
      verifyEveryNth: verifyEveryNth ?? before.verifyEveryNth,
      hangLimits: hangLimits ?? before.hangLimits,
    });
    this.#equipment = this.#equip(options);
  }

  snapshot(operation: OperationName): DispatchSnapshot {
    const { backends } = this;
    const { tracker, policy, clock } = this.#equipment.options;
    const sources = { backends, places: this.#places, queues: this.#queues, policy, nowMs: clock() };
    return dispatchSnapshot(tracker.snapshot(operation), this.#counts.of(operation), sources, operation);
  }

  decisions(operation: OperationName): DecisionCounts {
    return this.#counts.of(operation);
  }

  #equip(options: CheckedDispatcherOptions): Equipment {
    const { backends, policy, tracker, fallback, clock } = options;
    const strict = fallback === 'never';
    const places = this.#places;
    if (tracker.sums !== undefined) policy.share?.({ sums: (name) => tracker.sums?.(name) });
    return {
      options,
      chooser: new DeviceChooser({
        ...{ backends, policy, tracker, strict, places },
        queues: this.#queues,
        counts: this.#counts,
      }),
      attempts: new AttemptRunner({
        ...options,
        verification: new SampledVerification(options.verifyEveryNth, clock),
        breakers: new Map([...places].map(([backend, { breaker }]) => [backend, breaker])),
      }),
      standIns: new Map(backends.map((backend) => [backend, strict ? [] : fallbackOrder(backends, backend)])),
    };
  }

  #traced(request: OperationRequest, run: () => Promise<Outcome>): Promise<Outcome> {
    if (!runChannel.hasSubscribers) return run();
    return runChannel.tracePromise(run, { operation: nameOf(request), sync: false });
  }

  async #run(request: OperationRequest, output: Output | undefined, options: RunOptions | undefined): Promise<Outcome> {
    const prepared = prepareRequest(request);
    const target = outputFor(prepared, output);
    const equipment = this.#equipment;
    const { clock, timers } = equipment.options;
    const limit = timeLimit(options, timers);
    try {
      const startedAtMs = clock();
      const ended = limit.ended();
      if (ended !== null) return runFailure(ended, null, [], 0);
      if (prepared.outputLength === 0) return nothingToDo(target);

      const work = describeWork(prepared);
      const choice = equipment.chooser.choose(prepared, work, startedAtMs, limit.deadlineMs);
      if (typeof choice === 'string') return runFailure(kindOf(choice), null, [], clock() - startedAtMs);
      const job: Job = {
        request: prepared,
        output: target,
        ownsOutput: output === undefined,
        work,
        signal: limit.signal,
      };
      return await this.#runChosen(choice, job, limit, startedAtMs, equipment);
    } finally {
      limit.release();
    }
  }

  async #resume(
    request: OperationRequest,
    partial: PartialAnswer,
    options: RunOptions | undefined,
  ): Promise<Outcome> {
    const prepared = prepareRequest(request);
    const equipment = this.#equipment;
    const { clock, timers } = equipment.options;
    const { output, unfinished } = checkPartial(prepared, partial);
    const limit = timeLimit(options, timers);
    try {
      const startedAtMs = clock();
      const work = describeWork(prepared);
      if (partial.operandVersion !== work.operandVersion) return runFailure('invalid-input', null, [], 0, partial);
      const ended = limit.ended();
      if (ended !== null) return runFailure(ended, null, [], 0, partial);
      const pieces = cutIntoPieces(prepared, output, partial.done.length > 0);
      if (pieces === null) return this.#run(request, output as never, options);

      const choice = equipment.chooser.choose(prepared, work, startedAtMs, limit.deadlineMs);
      if (typeof choice === 'string') return runFailure(kindOf(choice), null, [], clock() - startedAtMs, partial);
      const job: Job = { request: prepared, output, ownsOutput: false, work, signal: limit.signal };
      return await this.#runChosen(choice, job, limit, startedAtMs, equipment, { pieces, unfinished });
    } finally {
      limit.release();
    }
  }

  /** Runs the job where it was decided; meanwhile it stands in the queue of that device. */
  async #runChosen(
    choice: Choice,
    job: Job,
    limit: TimeLimit,
    startedAtMs: number,
    { options, attempts, standIns }: Equipment,
    continued?: { readonly pieces: Pieces; readonly unfinished: UnfinishedRun },
  ): Promise<Outcome> {
    const { backend, decision } = choice;
    const { policy, clock, timers } = options;
    const others = standIns.get(backend) ?? [];
    const place = this.#places.get(backend);
    const reports: AttemptReport[] = [];
    const queue = this.#queues.get(backend);
    const queued = queue?.begin(choice.serviceMs, startedAtMs);
    try {
      let next: readonly Backend[] = place === undefined ? [backend, ...others] : others;
      let end: PlacedRunEnd = { kind: 'failed' };
      if (place !== undefined || continued !== undefined) {
        const accepting = others.filter((other) => acceptsRequest(other, job.request));
        const placed = { attempts, policy, clock, timers, standIns: accepting, reports };
        if (continued !== undefined) {
          end = await resumeRun(choice, place, job, continued.pieces, continued.unfinished, placed);
          next = [];
        } else if (place !== undefined) end = await runOnGpu(choice, place, job, placed);
      }
      if (end.kind === 'failed' && limit.ended() === null) end = await tryWhole(next, attempts, job, reports);

      const latencyMs = clock() - startedAtMs;
      if (end.kind === 'done') return completed(job.output, decision, reports, latencyMs);
      const kind = limit.ended() ?? failureOf(reports);
      return runFailure(kind, decision, reports, latencyMs, partialOf(end, job));
    } finally {
      if (queued !== undefined) queue?.end(queued, clock());
    }
  }

  #runSync(request: OperationRequest, output: Output | undefined): Outcome {
    const prepared = prepareRequest(request);
    const target = outputFor(prepared, output);
    if (prepared.outputLength === 0) return nothingToDo(target);
    const backend = this.#syncBackend;
    if (backend === undefined) return runFailure('unsupported', null, [], 0);

    const { chooser, attempts } = this.#equipment;
    const work = describeWork(prepared);
    const decision = chooser.force(backend, work);
    const job: Job = { request: prepared, output: target, ownsOutput: output === undefined, work, signal: undefined };
    const attempt = attempts.runSync(backend, job);
    // Nothing was decided and nobody waited, so the attempt is the run; each look at a clock costs as much as a short scan.
    const { latencyMs } = attempt;
    if (attempt.outcome === 'success') return completed(target, decision, [attempt], latencyMs);
    return runFailure(attempt.outcome, decision, [attempt], latencyMs);
  }
}

/** One device after the other, each with the whole request. */
async function tryWhole(
  backends: readonly Backend[],
  attempts: AttemptRunner,
  job: Job,
  reports: AttemptReport[],
): Promise<PlacedRunEnd> {
  for (let i = 0; i < backends.length; i++) {
    if (!acceptsRequest(backends[i], job.request)) continue;
    const plan = { fallback: reports.length > 0, last: i === backends.length - 1, probe: false, predictedMs: NaN };
    const attempt = await attempts.run(backends[i], job, plan);
    reports.push(attempt);
    if (attempt.outcome === 'success') return { kind: 'done' };
    if (job.signal?.aborted === true) break;
  }
  return { kind: 'failed' };
}

function completed(
  output: Output,
  decision: Decision,
  attempts: readonly AttemptReport[],
  latencyMs: number,
): Outcome {
  return ok({ output, decision, attempts, latencyMs, phases: attempts.at(-1)?.phases ?? null });
}

function nothingToDo(output: Output): Outcome {
  if ('count' in output) output.count = 0;
  return ok({ output, decision: null, attempts: [], latencyMs: 0, phases: null });
}

function kindOf(reason: DecisionReason): RunErrorKind {
  return reason === 'device-dead' ? 'device-lost' : 'unsupported';
}

function failureOf(reports: readonly AttemptReport[]): RunErrorKind {
  const outcome = reports.findLast((report) => report.outcome !== 'success')?.outcome ?? 'unsupported';
  return outcome === 'success' ? 'unsupported' : outcome;
}

function partialOf(end: PlacedRunEnd, { output, work }: Job): PartialAnswer | null {
  if (end.kind !== 'partial' || end.partial.done.length === 0) return null;
  const { done, remaining } = end.partial;
  return { output, done, remaining, operandVersion: work.operandVersion };
}

function isSyncCpu(backend: Backend): backend is SyncBackend {
  return backend.kind === 'cpu' && 'topKSync' in backend && typeof backend.topKSync === 'function';
}

/** For the trace only: what is no request at all is refused right after. */
function nameOf(request: OperationRequest): OperationName {
  return String(request?.operation);
}
