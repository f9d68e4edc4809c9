import {
  ok,
  prepareRequest,
  type AttemptReport,
  type Backend,
  type Completed,
  type Decision,
  type DecisionReason,
  type DispatchPolicy,
  type Operand,
  type OperationName,
  type OperationRequest,
  type OutputOf,
  type PartialAnswer,
  type Result,
  type RunError,
  type RunErrorKind,
  type SyncBackend,
  type TopKOutput,
} from '@gearshift/contracts';
import { AttemptRunner, type Job } from './attempt-runner.js';
import { DecisionCounter, type DecisionCounts } from './decision-counts.js';
import { DeviceChooser, type Choice } from './device-chooser.js';
import { dispatchSnapshot, type DispatchSnapshot } from './dispatch-snapshot.js';
import type { ChangeableOptions, Dispatcher, FallbackMode, RunOptions } from './dispatcher.js';
import { checkDispatcherOptions, type CheckedDispatcherOptions } from './dispatcher-options.js';
import { runChannel } from './channels.js';
import type { CircuitBreaker } from './failures/circuit-breaker.js';
import { SampledVerification } from './failures/sampled-verification.js';
import { fallbackOrder } from './fallback-order.js';
import { outputFor } from './output-for.js';
import { checkPartial } from './placement/check-partial.js';
import { DeviceQueue } from './placement/device-queue.js';
import { DeviceRun } from './placement/device-run.js';
import type { RunMeans, TurnEnd, UnfinishedRun } from './placement/device-turn.js';
import { gpuPlaces, type GpuPlace } from './placement/gpu-place.js';
import { timeLimit, type TimeLimit } from './placement/time-limit.js';
import { runFailure } from './run-failure.js';
import { describeWork } from './describe-work.js';

type Output = Float32Array | TopKOutput;
type Outcome = Result<Completed, RunError>;

/** What hangs together with the options, made anew when they change. */
interface Equipment {
  readonly options: CheckedDispatcherOptions;
  readonly chooser: DeviceChooser;
  readonly means: RunMeans;
  /** Who is tried after a backend failed; nobody in strict mode. */
  readonly standIns: ReadonlyMap<Backend, readonly Backend[]>;
}

/** What a run that is resumed has done before. */
interface EarlierRun {
  readonly unfinished: UnfinishedRun;
  readonly attempts: readonly AttemptReport[];
  readonly partial: PartialAnswer;
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
    const { backends, memory, clock, timers } = options;
    this.backends = backends;
    this.#places = gpuPlaces(backends, memory, clock, timers);
    // Where there is but one device, nobody asks how busy it is.
    this.#queues = new Map(backends.length > 1 ? backends.map((backend) => [backend, new DeviceQueue()]) : []);
    this.#syncBackend = backends.find(isSyncCpu);
    shareLearning(options);
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
    if (options.policy !== before.policy) shareLearning(options);
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

  breaker(deviceId: string): CircuitBreaker | undefined {
    const backend = this.backends.find(({ id }) => id === deviceId);
    return backend === undefined ? undefined : this.#places.get(backend)?.breaker;
  }

  release(operand: Operand): void {
    for (const backend of this.backends) {
      const place = this.#places.get(backend);
      if (place === undefined) backend.release?.(operand);
      else place.residents.release(operand);
    }
  }

  #equip(options: CheckedDispatcherOptions): Equipment {
    const { backends, policy, tracker, fallback, clock, timers, hangLimits } = options;
    const strict = fallback === 'never';
    const places = this.#places;
    const queues = this.#queues;
    const attempts = new AttemptRunner({
      ...options,
      verification: new SampledVerification(options.verifyEveryNth, clock),
      breakers: new Map([...places].map(([backend, { breaker }]) => [backend, breaker])),
    });
    return {
      options,
      chooser: new DeviceChooser({ backends, policy, tracker, strict, places, queues, counts: this.#counts }),
      means: { attempts, policy, clock, timers, hangLimits, places, queues },
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
    const limit = timeLimit(options, equipment.options.timers);
    try {
      const startedAtMs = equipment.options.clock();
      const ended = limit.ended();
      if (ended !== null) return runFailure(ended, null, [], 0);
      if (prepared.outputLength === 0) return nothingToDo(target);

      const work = describeWork(prepared);
      const ownsOutput = output === undefined;
      const job: Job = { request: prepared, output: target, ownsOutput, work, signal: limit.signal };
      return await this.#choose(job, limit, startedAtMs, equipment);
    } finally {
      limit.release();
    }
  }

  async #resume(request: OperationRequest, partial: PartialAnswer, options: RunOptions | undefined): Promise<Outcome> {
    const prepared = prepareRequest(request);
    const work = describeWork(prepared);
    const { output, unfinished, attempts, isOutdated } = checkPartial(prepared, work, partial);
    const equipment = this.#equipment;
    const limit = timeLimit(options, equipment.options.timers);
    try {
      const startedAtMs = equipment.options.clock();
      const ended = isOutdated ? 'invalid-input' : limit.ended();
      if (ended !== null) return runFailure(ended, null, [], 0, partial);
      const job: Job = { request: prepared, output, ownsOutput: false, work, signal: limit.signal };
      return await this.#choose(job, limit, startedAtMs, equipment, { unfinished, attempts, partial });
    } finally {
      limit.release();
    }
  }

  // Not async itself, nor anything between the caller and the CPU that need not be: each such step costs as much as a
  // tenth of a small request.
  #choose(
    job: Job,
    limit: TimeLimit,
    startedAtMs: number,
    equipment: Equipment,
    earlier?: EarlierRun,
  ): Outcome | Promise<Outcome> {
    const { options, chooser, means, standIns } = equipment;
    const choice = chooser.choose(job.request, job.work, startedAtMs, limit.deadlineMs);
    if (typeof choice === 'string') {
      return runFailure(kindOf(choice), null, [], options.clock() - startedAtMs, earlier?.partial ?? null);
    }
    const others = standIns.get(choice.backend) ?? [];
    if (others.length === 0 && choice.backend.kind === 'cpu' && earlier === undefined) {
      return runAlone(choice, job, limit, startedAtMs, means);
    }
    return runOnDevices(new DeviceRun(choice, job, others, means), choice, job, limit, startedAtMs, means, earlier);
  }

  #runSync(request: OperationRequest, output: Output | undefined): Outcome {
    const prepared = prepareRequest(request);
    const target = outputFor(prepared, output);
    if (prepared.outputLength === 0) return nothingToDo(target);
    const backend = this.#syncBackend;
    if (backend === undefined) return runFailure('unsupported', null, [], 0);

    const { chooser, means } = this.#equipment;
    const work = describeWork(prepared);
    const decision = chooser.force(backend, work);
    const job: Job = { request: prepared, output: target, ownsOutput: output === undefined, work, signal: undefined };
    const attempt = means.attempts.runSync(backend, job);
    // Nothing was decided and nobody waited, so the attempt is the run; each look at a clock costs as much as a short scan.
    const { latencyMs } = attempt;
    if (attempt.outcome === 'success') return completed(target, decision, [attempt], latencyMs);
    return runFailure(attempt.outcome, decision, [attempt], latencyMs);
  }
}

function shareLearning({ policy, tracker }: CheckedDispatcherOptions): void {
  if (tracker.sums !== undefined) policy.share?.({ sums: (name) => tracker.sums?.(name) });
}

/** On a CPU that nobody stands in for: a program without a GPU pays for nothing that only GPUs need. */
async function runAlone(
  { backend, decision, serviceMs }: Choice,
  job: Job,
  limit: TimeLimit,
  startedAtMs: number,
  { attempts, clock, queues }: RunMeans,
): Promise<Outcome> {
  const queue = queues.get(backend);
  const queued = queue?.begin(serviceMs, startedAtMs);
  try {
    const attempt = await attempts.run(backend, job, ALONE);
    const latencyMs = clock() - startedAtMs;
    if (attempt.outcome === 'success') return completed(job.output, decision, [attempt], latencyMs);
    return runFailure(limit.ended() ?? attempt.outcome, decision, [attempt], latencyMs);
  } finally {
    if (queued !== undefined) queue?.end(queued, clock());
  }
}

/** On the chosen device and whoever stands in for it. */
async function runOnDevices(
  run: DeviceRun,
  { decision }: Choice,
  job: Job,
  limit: TimeLimit,
  startedAtMs: number,
  { clock }: RunMeans,
  earlier: EarlierRun | undefined,
): Promise<Outcome> {
  const end = await (earlier === undefined ? run.run() : run.resume(earlier.unfinished));
  const latencyMs = clock() - startedAtMs;
  if (end.kind === 'done') return completed(job.output, decision, run.reports, latencyMs);
  // Copied: a piece that was given up by the caller may yet end, and is recorded then, but not in what was handed back.
  const reports = [...run.reports];
  const isShortOfMemory = end.kind === 'partial' && end.isShortOfMemory;
  const kind = limit.ended() ?? (isShortOfMemory ? 'out-of-memory' : failureOf(reports));
  return runFailure(kind, decision, reports, latencyMs, partialOf(end, job, reports, earlier));
}

const ALONE = { fallback: false, last: true, probe: false, predictedMs: NaN } as const;

function completed(output: Output, decision: Decision, attempts: readonly AttemptReport[], latencyMs: number): Outcome {
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

/** What a resumed run has done at its end, or what the run before had done, if this one added nothing. */
function partialOf(
  end: TurnEnd,
  { output, request, work }: Job,
  reports: readonly AttemptReport[],
  earlier: EarlierRun | undefined,
): PartialAnswer | null {
  if (end.kind !== 'partial' || end.partial.done.length === 0) return earlier?.partial ?? null;
  const { done, remaining } = end.partial;
  const attempts = [...(earlier?.attempts ?? []), ...reports];
  const { operandId: id, operandVersion: version } = work;
  return { output, done, remaining, attempts, operation: request.operation, operand: { id, version } };
}

function isSyncCpu(backend: Backend): backend is SyncBackend {
  return backend.kind === 'cpu' && 'topKSync' in backend && typeof backend.topKSync === 'function';
}

/** For the trace only: what is no request at all is refused right after. */
function nameOf(request: OperationRequest): OperationName {
  return String(request?.operation);
}
