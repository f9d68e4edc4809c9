import { err, type AttemptReport, type BackendError, type DispatchPolicy, type Result } from '@gearshift/contracts';
import type { OperationOutput } from '@gearshift/contracts/internal';
import type { Timers } from '@gearshift/splitter';
import type { AttemptRunner } from '../attempts/attempt-runner.js';
import type { checkHangLimits } from '../attempts/hang-limit.js';
import type { Job } from '../attempts/job.js';
import type { Choice } from '../device-chooser.js';
import type { Device } from '../devices/device.js';
import type { QueuedRun } from '../devices/device-queue.js';

/** The answer of a chunk: its output, or null when it wrote into the output of the request. */
export type ChunkAnswer = OperationOutput | null;

/** Shared by all runs of a dispatcher. */
export interface RunContext {
  readonly attempts: AttemptRunner;
  readonly policy: DispatchPolicy;
  readonly clock: () => number;
  readonly timers: Timers;
  readonly hangLimits: ReturnType<typeof checkHangLimits>;
}

export interface RunAttemptOptions {
  /** The job is the whole request and writes into its output. */
  readonly isAll: boolean;
  /** No other device will be tried. */
  readonly last: boolean;
  /** Share of the work of its stage. */
  readonly share: number;
  /** Prediction for the whole stage on the chosen device; NaN without one. */
  readonly predictedMs: number;
}

/** The attempts of one run: their reports, and the state that the run holds on the devices (queue, used copies, lease). */
export class RunAttempts {
  /** Every attempt in order. */
  readonly reports: AttemptReport[] = [];
  readonly choice: Choice;
  readonly context: RunContext;
  /**
   * What the run has to throw: the error of the last backend, if it is a caller's mistake by the contract, or an error of the
   * policy or the tracker.
   */
  thrown: { readonly error: unknown } | undefined;
  readonly #job: Job;
  readonly #uses = new Map<Device, () => void>();
  readonly #bytesToFree = new Map<Device, number>();
  #mayProbe: boolean;
  #queued: { readonly device: Device; readonly run: QueuedRun } | undefined;

  constructor(choice: Choice, job: Job, context: RunContext) {
    this.choice = choice;
    this.context = context;
    this.#job = job;
    this.#mayProbe = choice.probe;
  }

  /** @throws what ends the run; it is kept in {@link thrown} too. */
  async run(device: Device, job: Job, options: RunAttemptOptions): Promise<Result<ChunkAnswer, BackendError>> {
    const { isAll, last, share } = options;
    const isChosen = device === this.choice.device;
    const predictedMs = isChosen ? options.predictedMs * share : NaN;
    this.enterQueue(device, isChosen ? predictedMs : this.choice.alternativeMs * share);
    const probe = isChosen && this.#mayProbe;
    if (isChosen) this.#mayProbe = false;
    try {
      const report = await this.context.attempts.run(device, job, { fallback: !isChosen, last, probe, predictedMs });
      this.reports.push(report);
      const { error } = report;
      if (error === undefined) return { ok: true, value: isAll ? null : job.output };
      // The whole request needs the bytes that it could not get; for chunks, all idle copies are evicted.
      const bytes = isAll ? Math.max(1, job.work.rangeBytes, error.requestedBytes ?? 0) : Infinity;
      this.#bytesToFree.set(device, bytes);
      return err(error);
    } catch (error) {
      this.thrown ??= { error };
      throw error;
    }
  }

  /** Whether the device takes work now. The only device always does, because a refusal is no better than a failure. */
  isOpen(device: Device, isOnly: boolean): boolean {
    const { guard } = device;
    if (guard === undefined || isOnly) return true;
    return (device === this.choice.device && this.#mayProbe) || guard.breaker.state === 'closed';
  }

  /** Idle memory that the device should free after it ran out of memory. */
  bytesToFree(device: Device): number {
    return this.#bytesToFree.get(device) ?? Infinity;
  }

  /** Keeps the device's copy of the operand from being evicted until {@link end}. */
  use(device: Device): void {
    if (device.guard === undefined || this.#uses.has(device)) return;
    const savingMs = device === this.choice.device ? this.choice.savingMs : NaN;
    const { operation, request } = this.#job;
    this.#uses.set(device, device.guard.residents.use(operation.operandOf(request), savingMs));
  }

  /** A run is in the queue of one device at a time: the one that works on it. */
  enterQueue(device: Device, predictedMs: number): void {
    if (this.#queued?.device === device) return;
    this.#leaveQueue();
    this.#queued = { device, run: device.queue.begin(predictedMs, this.context.clock()) };
  }

  end(): void {
    this.#leaveQueue();
    for (const endUse of this.#uses.values()) endUse();
    // A run that ended before its first attempt (aborted, or without memory) frees the lease, so that the next request may probe.
    if (this.#mayProbe) this.choice.device.guard?.breaker.record('aborted', 0, true);
  }

  #leaveQueue(): void {
    if (this.#queued === undefined) return;
    this.#queued.device.queue.end(this.#queued.run, this.context.clock());
    this.#queued = undefined;
  }
}
