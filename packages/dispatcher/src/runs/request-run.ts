import type { AttemptReport } from '@gearshift/contracts';
import { reserveAll, RunLimit } from '@gearshift/splitter/engine';
import { hangLimitMs } from '../attempts/hang-limit.js';
import type { Job } from '../attempts/job.js';
import type { Choice } from '../device-chooser.js';
import { acceptsRequest, missingBytes, type Device, type DeviceGuard } from '../devices/device.js';
import { ChunkedRun, DONE, NOTHING_DONE, type RunEnd, type UnfinishedRun, type WholeAttempt } from './chunked-run.js';
import { RunAttempts, type RunContext } from './run-attempts.js';

/** Runs a request on the device that was chosen for it, and on its fallbacks when that fails. */
export class RequestRun {
  readonly #choice: Choice;
  readonly #job: Job;
  readonly #devices: readonly Device[];
  readonly #context: RunContext;
  readonly #limit: RunLimit | undefined;
  readonly #attempts: RunAttempts;

  /** @param devices the chosen one, then its fallbacks in order; the chosen one alone in strict mode. */
  constructor(
    choice: Choice,
    job: Job,
    devices: readonly Device[],
    context: RunContext,
    limit: RunLimit | undefined,
  ) {
    this.#choice = choice;
    this.#job = job;
    this.#devices = devices.filter((device, index) => index === 0 || acceptsRequest(device, job.request));
    this.#context = context;
    this.#limit = limit;
    this.#attempts = new RunAttempts(choice, job, context);
  }

  /** Every attempt in order. */
  get reports(): readonly AttemptReport[] {
    return this.#attempts.reports;
  }

  /**
   * @param unfinished what an earlier run left of the request.
   * @throws the TypeError or RangeError of the last backend that was tried.
   */
  async run(unfinished?: UnfinishedRun): Promise<RunEnd> {
    const attempts = this.#attempts;
    const { device, keep, serviceMs } = this.#choice;
    attempts.enterQueue(device, serviceMs);
    try {
      if (keep && device.guard !== undefined) {
        await this.#keepOperand(device.guard);
        if (this.#limit !== undefined && this.#limit.reasonToStop() !== null) return NOTHING_DONE;
      }
      attempts.use(device);
      const first = unfinished === undefined ? await this.#tryWhole() : undefined;
      if (first === 'done') return DONE;
      if (attempts.mistake === undefined) {
        const { clock, timers } = this.#context;
        const limit = this.#limit ?? new RunLimit(undefined, Infinity, clock, timers);
        const end = await new ChunkedRun(this.#job, this.#devices, attempts, limit).run(unfinished, first);
        if (attempts.mistake === undefined) return end;
      }
      throw attempts.mistake;
    } finally {
      attempts.end();
    }
  }

  /** Most requests fit the chosen device as a whole, and succeed there: nothing has to be cut then. */
  async #tryWhole(): Promise<WholeAttempt | 'done' | undefined> {
    const { device, serviceMs: predictedMs } = this.#choice;
    const isOnly = this.#devices.length === 1;
    if (!this.#attempts.isOpen(device, isOnly)) return undefined;
    const { request, work } = this.#job;
    const total = work.batchSize;
    const limits = device.guard?.memory.limitsFor(work, missingBytes(device.backend, request, work) === 0);
    const reservation = limits === undefined ? null : reserveAll(total, limits);
    if (reservation === undefined) return undefined;
    const startedMs = this.#context.clock();
    const chunk = { start: 0, end: total, reservation };
    try {
      const options = { isAll: true, last: isOnly, share: 1, predictedMs };
      const value = await this.#attempts.run(device, this.#job, options);
      if (!value.ok) return { chunk, startedMs, end: { how: 'returned', value } };
      limits?.sizer?.succeeded(total, limits.unitBytes);
      return 'done';
    } catch (error) {
      return { chunk, startedMs, end: { how: 'threw', error } };
    } finally {
      reservation?.release();
    }
  }

  /** What cannot be kept is sent with the request instead: a device without room for it, or a failed upload, ends no run. */
  async #keepOperand({ residents, breaker }: DeviceGuard): Promise<void> {
    const { operation, request, work } = this.#job;
    const { policy, clock, hangLimits } = this.#context;
    const startedAtMs = clock();
    const sent = await residents.keep(operation.operandOf(request), {
      bytes: work.operandBytes,
      isPinned: work.expectedUses === Infinity,
      // Transfers vary more than kernels: others use the same bus, and pages may have to be found first.
      limitMs: Math.max(hangLimits.unpredictedMs, hangLimitMs(this.#choice.serviceMs, hangLimits)),
      signal: this.#limit?.signal,
      onSent: (sample) => policy.observeUpload?.(sample),
    });
    // The probe's own record is that of the request, which follows.
    if (!sent.ok) breaker.record(sent.error.kind, clock() - startedAtMs, false);
  }
}
