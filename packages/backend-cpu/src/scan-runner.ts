import type {
  BackendError,
  Elements,
  Metric,
  Operand,
  PhaseTimes,
  PreparedTopK,
  Result,
  VectorMatrix,
} from '@gearshift/contracts';
import { DTYPE_BYTES } from '@gearshift/contracts/internal';
import { DTYPE_CODES, formatOf, runJob, type OpenState } from '@gearshift/native-kit';
import type { CpuAddon, JobDone } from './addon.js';
import { failures, failWithStatus } from './backend-errors.js';
import type { BackgroundWork } from './background-work.js';
import { isShared, type CpuResidents } from './cpu-residents.js';
import { measuredSince } from './phase-times.js';
import { runToEnd, runYielding, type SlicedWork } from './sliced-work.js';

/** Work that is expected to take longer runs on another thread; for shorter work the hand-over costs more than it saves. */
export const INLINE_NS = 1e6;

type Answer = Result<PhaseTimes, BackendError>;

/** How the addon computes each metric, in slices of one length or the other. */
export type ScanContexts = Record<Metric, { readonly sync: number; readonly yielding: number }>;

/** How much a scan reads. */
type ScanSize = Pick<PreparedTopK, 'matrix' | 'queries' | 'rowsConsidered'>;

/** One scan over a matrix, as slices on this thread or as a job on the addon's threads. */
export interface Scan {
  readonly matrix: VectorMatrix;
  /** Runs on the caller's thread. */
  readonly isShort: boolean;
  readonly metric: Metric;
  slices(context: number, source: number | Elements): SlicedWork;
  start(context: number, source: number | Elements, done: JobDone): number;
}

export interface ScanRunnerParts {
  readonly addon: CpuAddon;
  readonly contexts: ScanContexts;
  readonly residents: CpuResidents;
  readonly background: BackgroundWork;
  readonly state: OpenState;
}

/** Runs asynchronous requests: a short one at once, a long one where it blocks nothing. */
export class ScanRunner {
  readonly #addon: CpuAddon;
  readonly #contexts: ScanContexts;
  readonly #residents: CpuResidents;
  readonly #background: BackgroundWork;
  readonly #state: OpenState;

  constructor({ addon, contexts, residents, background, state }: ScanRunnerParts) {
    this.#addon = addon;
    this.#contexts = contexts;
    this.#residents = residents;
    this.#background = background;
    this.#state = state;
  }

  /** Answers on this thread, on the addon's threads, or in turns, whichever suits. */
  async run(scan: Scan, signal: AbortSignal | undefined): Promise<Answer> {
    this.#background.pause();
    const { matrix, metric } = scan;
    const context = this.#contexts[metric];
    if (scan.isShort) {
      const startedAtMs = performance.now();
      return runToEnd(scan.slices(context.sync, this.sourceOf(matrix))) ?? measuredSince(startedAtMs);
    }
    // Norms are worth no wait, but codes are.
    if (
      isShared(matrix.values) &&
      this.#residents.handleNow(matrix) === undefined &&
      matrix.companion !== 'codes' &&
      !this.#residents.isBehind(matrix) &&
      !this.#residents.offersCodes(matrix)
    ) {
      return this.#state.track(this.#runJob(signal, (done) => scan.start(context.sync, matrix.values, done)));
    }
    const answer = await this.onPool(matrix, signal, (handle, done) => scan.start(context.sync, handle, done));
    const lacksMemory = !answer.ok && answer.error.kind === 'out-of-memory';
    return lacksMemory ? this.#state.track(this.#runInTurns(scan, signal)) : answer;
  }

  /** Whether a scan is expected to take less time than handing it over. */
  isShort({ matrix, queries, rowsConsidered }: ScanSize, metric: Metric): boolean {
    const { dtype } = formatOf(matrix);
    const bytes = rowsConsidered * matrix.dimensions * DTYPE_BYTES[dtype];
    return this.#addon.estimateScanNs(this.#contexts[metric].sync, DTYPE_CODES[dtype], bytes, queries) < INLINE_NS;
  }

  /** Runs a job on the resident copy of its operand, which is created first if there is none. */
  onPool(
    operand: Operand,
    signal: AbortSignal | undefined,
    start: (handle: number, done: JobDone) => number,
  ): Promise<Answer> {
    return this.#state.track(this.#runOnResident(operand, signal, start));
  }

  async #runOnResident(
    operand: Operand,
    signal: AbortSignal | undefined,
    start: (handle: number, done: JobDone) => number,
  ): Promise<Answer> {
    const startedAtMs = performance.now();
    let uploadMs = 0;
    let handle = this.#residents.handleOf(operand);
    // The copy may be released between the turn that created it and this one; then it is created again.
    while (handle === undefined) {
      const failure = await this.#residents.ensure(operand, signal);
      if (failure !== undefined) return failure;
      this.#background.ensured(operand);
      if (signal?.aborted) return failures.aborted();
      handle = this.#residents.handleOf(operand);
      uploadMs = performance.now() - startedAtMs;
    }
    const ready = handle;
    return this.#runJob(signal, (done) => start(ready, done), { startedAtMs, uploadMs });
  }

  async #runJob(
    signal: AbortSignal | undefined,
    start: (done: JobDone) => number,
    { startedAtMs = performance.now(), uploadMs = 0 } = {},
  ): Promise<Answer> {
    const [status, queueMs = 0] = await runJob(this.#addon, start, signal);
    return status < 0 ? failWithStatus(status) : measuredSince(startedAtMs, { queueMs, uploadMs });
  }

  /** Long work without a copy of the operand: on this thread, because the caller's memory may be detached during work on another. */
  async #runInTurns(scan: Scan, signal: AbortSignal | undefined): Promise<Answer> {
    const startedAtMs = performance.now();
    const slices = scan.slices(this.#contexts[scan.metric].yielding, scan.matrix.values);
    const failure = await runYielding(slices, () => signal?.aborted === true);
    return failure ?? measuredSince(startedAtMs);
  }

  /** What the addon reads the rows from: the resident copy, or the caller's memory. */
  sourceOf(matrix: VectorMatrix): number | Elements {
    this.#background.pause();
    return this.#residents.handleNow(matrix) ?? matrix.values;
  }
}
