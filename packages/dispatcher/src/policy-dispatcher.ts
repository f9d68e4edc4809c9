import {
  ok,
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
  type PreparedRequest,
  type Result,
  type RunError,
  type RunErrorKind,
  type SyncBackend,
} from '@gearshift/contracts';
import { isTurnDue, nextTurn, refusePlaced, type OperationOutput } from '@gearshift/contracts/internal';
import { NODE_TIMERS, type RunLimit } from '@gearshift/splitter/engine';
import { AttemptRunner } from './attempts/attempt-runner.js';
import { ONLY_ATTEMPT, type Job } from './attempts/job.js';
import { runChannel } from './channels.js';
import { DecisionCounter, type DecisionCounts } from './decision-counts.js';
import { DeviceChooser, type Choice } from './device-chooser.js';
import { createDevices, type Device } from './devices/device.js';
import { dispatchSnapshot, type DispatchSnapshot } from './dispatch-snapshot.js';
import type { ChangeableOptions, Dispatcher, FallbackMode, RunOptions } from './dispatcher.js';
import { checkChangedOptions, type CheckedDispatcherOptions } from './dispatcher-options.js';
import type { CircuitBreaker } from './breaker/circuit-breaker.js';
import { SampledVerification } from './verification/sampled-verification.js';
import { dispatchOperationOf, type AnyDispatchOperation } from './operations/dispatch-operations.js';
import { checkPartial } from './runs/check-partial.js';
import { fallbackOrder } from './runs/fallback-order.js';
import { limitOf } from './runs/limit-of.js';
import type { RunEnd, UnfinishedRun } from './runs/chunked-run.js';
import { runRequest } from './runs/request-run.js';
import { RequestCounter } from './request-counts.js';
import { RunAttempts, type RunContext } from './runs/run-attempts.js';
import { runFailure } from './runs/run-failure.js';

type Outcome = Result<Completed, RunError>;

/** The event loop is looked at after one in so many requests, because reading the clock costs a part of a small one. */
const REQUESTS_PER_LOOK = 4;

/** Everything derived from the options, rebuilt when they change. State (devices, sampling, counts) is not part of it. */
interface RunConfig {
  readonly options: CheckedDispatcherOptions;
  readonly chooser: DeviceChooser;
  readonly context: RunContext;
  /** For each device, itself and its fallbacks in order; itself alone in strict mode. */
  readonly orders: ReadonlyMap<Device, readonly Device[]>;
}

/** The results of the earlier run that a resumed run continues. */
interface EarlierRun {
  readonly unfinished: UnfinishedRun;
  readonly attempts: readonly AttemptReport[];
  readonly partial: PartialAnswer;
}

/** The one implementation of {@link Dispatcher}. */
export class PolicyDispatcher implements Dispatcher {
  readonly backends: readonly Backend[];
  readonly #counts = new DecisionCounter();
  readonly #pending = new RequestCounter();
  readonly #devices: readonly Device[];
  readonly #verification: SampledVerification;
  readonly #syncDevice: { readonly device: Device; readonly backend: SyncBackend } | undefined;
  #config: RunConfig;
  #requests = 0;
  /** Simulated time passes without the event loop, and stands still while a request waits for it. */
  readonly #isRealTime: boolean;

  constructor(options: CheckedDispatcherOptions) {
    const { backends, memory, clock, timers, verifyEveryNth } = options;
    this.backends = backends;
    this.#isRealTime = timers === NODE_TIMERS;
    this.#devices = createDevices(backends, memory, clock, timers);
    this.#verification = new SampledVerification(verifyEveryNth, clock);
    this.#syncDevice = findSyncDevice(this.#devices);
    shareLearning(options);
    this.#config = this.#configure(options);
  }

  get policy(): DispatchPolicy {
    return this.#config.options.policy;
  }

  get fallback(): FallbackMode {
    return this.#config.options.fallback;
  }

  // All operations share one code path without the exact type of the output. The casts of these three methods restore
  // it: an output always has the type that belongs to its request.
  run<R extends OperationRequest>(request: R, output?: OutputOf<R>, options?: RunOptions) {
    const run = () => this.#run(request, output, options);
    const outcome = runChannel.hasSubscribers ? traced(request, run) : this.#run(request, output, options);
    return outcome as Promise<Result<Completed<OutputOf<R>>, RunError>>;
  }

  resume<R extends OperationRequest>(request: R, partial: PartialAnswer, options?: RunOptions) {
    const run = () => this.#resume(request, partial, options);
    const outcome = runChannel.hasSubscribers ? traced(request, run) : run();
    return outcome as Promise<Result<Completed<OutputOf<R>>, RunError>>;
  }

  runSync<R extends OperationRequest>(request: R, output?: OutputOf<R>) {
    const outcome = runChannel.hasSubscribers
      ? runChannel.traceSync(() => this.#runSync(request, output), { operation: nameOf(request), sync: true })
      : this.#runSync(request, output);
    return outcome as Result<Completed<OutputOf<R>>, RunError>;
  }

  updateOptions(changes: ChangeableOptions): void {
    const before = this.#config.options;
    const options = checkChangedOptions(changes, before);
    if (options.policy !== before.policy) shareLearning(options);
    this.#verification.everyNth = options.verifyEveryNth;
    this.#config = this.#configure(options);
  }

  snapshot(operation: OperationName): DispatchSnapshot {
    const { tracker, policy, clock } = this.#config.options;
    const sources = { devices: this.#devices, policy, nowMs: clock() };
    const metrics = tracker.snapshot(operation);
    return dispatchSnapshot(metrics, this.#counts.of(operation), this.#pending.of(operation), sources, operation);
  }

  decisions(operation: OperationName): DecisionCounts {
    return this.#counts.of(operation);
  }

  breaker(deviceId: string): CircuitBreaker | undefined {
    return this.#devices.find(({ backend }) => backend.id === deviceId)?.guard?.breaker;
  }

  release(operand: Operand): void {
    for (const { backend, guard } of this.#devices) {
      if (guard === undefined) releaseOn(backend, operand);
      else guard.residents.release(operand);
    }
  }

  #configure(options: CheckedDispatcherOptions): RunConfig {
    const { policy, tracker, fallback, clock, timers, hangLimits } = options;
    const strict = fallback === 'never';
    const devices = this.#devices;
    const attempts = new AttemptRunner({ ...options, verification: this.#verification });
    return {
      options,
      chooser: new DeviceChooser({ devices, policy, tracker, strict, counts: this.#counts }),
      context: { attempts, policy, clock, timers, hangLimits },
      orders: new Map(devices.map((device) => [device, strict ? [device] : fallbackOrder(devices, device)])),
    };
  }

  async #run(
    request: OperationRequest,
    output: OperationOutput | undefined,
    options: RunOptions | undefined,
  ): Promise<Outcome> {
    let limit: RunLimit | undefined;
    let begun: OperationName | undefined;
    try {
      const operation = dispatchOperationOf(request);
      const prepared = operation.prepare(request);
      const target =
        output === undefined ? operation.createOutput(prepared) : operation.requireOutput(prepared, output);
      const config = this.#config;
      const { clock, timers } = config.options;
      if (options !== undefined) limit = limitOf(options, clock, timers);
      const startedAtMs = clock();
      const stop = limit === undefined ? null : limit.reasonToStop();
      if (stop !== null) return runFailure(stop, null, [], 0);
      if (prepared.outputLength === 0) return nothingToDo(operation, target);

      if (!this.#admit(operation.name)) return runFailure('overloaded', null, [], 0);
      begun = operation.name;
      const work = operation.describeWork(prepared);
      const ownsOutput = output === undefined;
      const job: Job = { operation, request: prepared, output: target, ownsOutput, work, signal: limit?.signal };
      const outcome = await this.#choose(job, limit, startedAtMs, config);
      if (outcome.ok && outcome.value.phases?.mergedRequests !== undefined) this.#pending.merge(begun);
      return outcome;
    } finally {
      limit?.release();
      if (begun !== undefined) this.#pending.end(begun);
      if (++this.#requests % REQUESTS_PER_LOOK === 0 && this.#isRealTime && isTurnDue()) await nextTurn();
    }
  }

  async #resume(request: OperationRequest, partial: PartialAnswer, options: RunOptions | undefined): Promise<Outcome> {
    let limit: RunLimit | undefined;
    let begun: OperationName | undefined;
    try {
      const operation = dispatchOperationOf(request);
      const prepared = operation.prepare(request);
      const work = operation.describeWork(prepared);
      const { output, unfinished, attempts, isOutdated } = checkPartial(prepared, work, partial);
      const config = this.#config;
      const { clock, timers } = config.options;
      limit = limitOf(options ?? {}, clock, timers);
      const startedAtMs = clock();
      const stop = isOutdated ? 'invalid-input' : limit.reasonToStop();
      if (stop !== null) return runFailure(stop, null, [], 0, partial);
      if (!this.#admit(operation.name)) return runFailure('overloaded', null, [], 0, partial);
      begun = operation.name;
      const job: Job = { operation, request: prepared, output, ownsOutput: false, work, signal: limit.signal };
      return await this.#choose(job, limit, startedAtMs, config, { unfinished, attempts, partial });
    } finally {
      limit?.release();
      if (begun !== undefined) this.#pending.end(begun);
      if (this.#isRealTime && isTurnDue()) await nextTurn();
    }
  }

  /** Counts a request as under way, unless there are too many. */
  #admit(operation: OperationName): boolean {
    if (this.#pending.pending >= this.#config.options.maxPending) {
      this.#pending.refuse(operation);
      return false;
    }
    this.#pending.begin(operation);
    return true;
  }

  // Not async, like everything between the caller and the CPU that need not be: each async step costs a tenth of a small
  // request.
  #choose(
    job: Job,
    limit: RunLimit | undefined,
    startedAtMs: number,
    { options, chooser, context, orders }: RunConfig,
    earlier?: EarlierRun,
  ): Outcome | Promise<Outcome> {
    const choice = chooser.choose(
      job.request,
      job.work,
      startedAtMs,
      limit === undefined ? Infinity : limit.deadlineMs,
    );
    if (typeof choice === 'string') {
      const latencyMs = options.clock() - startedAtMs;
      return runFailure(kindOf(choice), null, [], latencyMs, earlier?.partial ?? null, whyNoDevice(job.request));
    }
    const devices = orders.get(choice.device) ?? [choice.device];
    if (devices.length === 1 && choice.device.guard === undefined && earlier === undefined) {
      return runAlone(choice, job, limit, startedAtMs, context);
    }
    return runOnDevices(choice, devices, job, limit, startedAtMs, context, earlier);
  }

  #runSync(request: OperationRequest, output: OperationOutput | undefined): Outcome {
    const operation = dispatchOperationOf(request);
    const prepared = operation.prepare(request);
    const target = output === undefined ? operation.createOutput(prepared) : operation.requireOutput(prepared, output);
    if (prepared.outputLength === 0) return nothingToDo(operation, target);
    if (this.#syncDevice === undefined) return runFailure('unsupported', null, [], 0);

    const { device, backend } = this.#syncDevice;
    const { chooser, context } = this.#config;
    const work = operation.describeWork(prepared);
    const decision = chooser.force(device, work);
    const job: Job = {
      operation,
      request: prepared,
      output: target,
      ownsOutput: output === undefined,
      work,
      signal: undefined,
    };
    const attempt = context.attempts.runSync(device, backend, job);
    // Without a decision and a wait the attempt is the whole run. Each clock reading costs as much as a short scan.
    const { latencyMs } = attempt;
    if (attempt.outcome === 'success') return completed(job, decision, [attempt], latencyMs);
    return runFailure(attempt.outcome, decision, [attempt], latencyMs);
  }
}

/** A backend that throws must not keep the other devices from releasing the operand. */
function releaseOn(backend: Backend, operand: Operand): void {
  try {
    backend.release?.(operand);
  } catch {
    // The backend releases the copy when it closes.
  }
}

function shareLearning({ policy, tracker }: CheckedDispatcherOptions): void {
  if (tracker.sums !== undefined) policy.share?.({ sums: (name) => tracker.sums?.(name) });
}

function traced(request: OperationRequest, run: () => Promise<Outcome>): Promise<Outcome> {
  return runChannel.tracePromise(run, { operation: nameOf(request), sync: false });
}

/** Runs a request on a CPU without a fallback, without the cost of anything that only GPUs need. */
async function runAlone(
  { device, decision, serviceMs }: Choice,
  job: Job,
  limit: RunLimit | undefined,
  startedAtMs: number,
  { attempts, clock }: RunContext,
): Promise<Outcome> {
  const queued = device.queue.begin(serviceMs, startedAtMs);
  let endedAtMs: number | undefined;
  try {
    const attempt = await attempts.run(device, job, ONLY_ATTEMPT);
    endedAtMs = clock();
    const latencyMs = endedAtMs - startedAtMs;
    if (attempt.outcome === 'success') return completed(job, decision, [attempt], latencyMs);
    return runFailure(limit?.reasonToStop() ?? attempt.outcome, decision, [attempt], latencyMs);
  } finally {
    device.queue.end(queued, endedAtMs ?? clock());
  }
}

/** Runs a request on the chosen device and its fallbacks. */
async function runOnDevices(
  choice: Choice,
  devices: readonly Device[],
  job: Job,
  limit: RunLimit | undefined,
  startedAtMs: number,
  context: RunContext,
  earlier: EarlierRun | undefined,
): Promise<Outcome> {
  const { decision } = choice;
  const run = new RunAttempts(choice, job, context);
  const end = await runRequest(job, devices, run, limit, earlier?.unfinished);
  const latencyMs = context.clock() - startedAtMs;
  // Copied because a chunk that was given up may still end. It is recorded then, but not in the returned list.
  const reports = [...run.reports];
  if (end.ok) return completed(job, decision, reports, latencyMs);
  const kind = limit?.reasonToStop() ?? (end.isShortOfMemory ? 'out-of-memory' : failureOf(reports));
  return runFailure(kind, decision, reports, latencyMs, partialOf(end, job, reports, earlier));
}

function completed(
  { operation, request, output: written, ownsOutput }: Job,
  decision: Decision,
  attempts: readonly AttemptReport[],
  latencyMs: number,
): Outcome {
  const output = ownsOutput ? operation.trimOutput(request, written) : written;
  const phases = attempts.at(-1)?.phases ?? null;
  return { ok: true, value: { output, decision, attempts, latencyMs, phases } };
}

function nothingToDo(operation: AnyDispatchOperation, output: OperationOutput): Outcome {
  operation.clearOutput(output);
  return ok({ output, decision: null, attempts: [], latencyMs: 0, phases: null });
}

/** More than the reason of the policy says, if there is more. */
function whyNoDevice(request: PreparedRequest): string | undefined {
  const reason = request.operation === 'spread-activation' ? undefined : refusePlaced(request.matrix);
  return reason === undefined ? undefined : `${reason}, which no device can reach`;
}

function kindOf(reason: DecisionReason): RunErrorKind {
  return reason === 'device-dead' ? 'device-lost' : 'unsupported';
}

function failureOf(reports: readonly AttemptReport[]): RunErrorKind {
  const outcome = reports.findLast((report) => report.outcome !== 'success')?.outcome ?? 'unsupported';
  return outcome === 'success' ? 'unsupported' : outcome;
}

/** The partial answer at the end of the run; that of the earlier run if this one added nothing. */
function partialOf(
  end: Extract<RunEnd, { ok: false }>,
  { output, request, work }: Job,
  reports: readonly AttemptReport[],
  earlier: EarlierRun | undefined,
): PartialAnswer | null {
  if (end.partial === null) return earlier?.partial ?? null;
  const { done, remaining } = end.partial;
  const attempts = [...(earlier?.attempts ?? []), ...reports];
  const { operandId: id, operandVersion: version } = work;
  return { output, done, remaining, attempts, operation: request.operation, operand: { id, version } };
}

function findSyncDevice(devices: readonly Device[]): { device: Device; backend: SyncBackend } | undefined {
  for (const device of devices) if (isSyncCpu(device.backend)) return { device, backend: device.backend };
  return undefined;
}

function isSyncCpu(backend: Backend): backend is SyncBackend {
  return backend.kind === 'cpu' && 'topKSync' in backend && typeof backend.topKSync === 'function';
}

/** For the trace only; an invalid request is refused right after. */
function nameOf(request: OperationRequest): OperationName {
  return String(request?.operation);
}
