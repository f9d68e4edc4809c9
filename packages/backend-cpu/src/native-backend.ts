import {
  DTYPES,
  finishTopK,
  prepareCosineSimilarity,
  prepareOperand,
  prepareSpreadActivation,
  prepareTopK,
  requireOutput,
  requireTopKOutput,
  type BackendDescription,
  type BackendError,
  type CompanionCounts,
  type CompanionSource,
  type CompanionState,
  type CosineSimilarityRequest,
  type MemoryReading,
  type Metric,
  type Operand,
  type OperationRequest,
  type PhaseTimes,
  type PreparedTopK,
  type Residency,
  type Result,
  type SpreadActivationRequest,
  type SyncBackend,
  type TopKOutput,
  type TopKRequest,
  type UnsupportedReason,
  type VectorMatrix,
} from '@gearshift/contracts';
import { refusePlaced, requireMatrix, setSearch } from '@gearshift/contracts/internal';
import { DTYPE_CODES, formatOf, OpenState } from '@gearshift/native-kit';
import { encodeContext, RANKING_FORMS, type CpuAddon } from './addon.js';
import { BACKEND_ID, failures } from './backend-errors.js';
import { BackgroundWork } from './background-work.js';
import type { CodePrices } from './code-prices.js';
import { openCallBlock, type AddonOfThread } from './call-block.js';
import { CpuResidents, operandBytes } from './cpu-residents.js';
import { readMemory } from './memory-reading.js';
import { MergedTopK } from './merged-top-k.js';
import { measuredSince, NO_TIME } from './phase-times.js';
import { INLINE_NS, ScanRunner, type ScanContexts } from './scan-runner.js';
import { Searched } from './searched.js';
import { SlicedScore } from './sliced-score.js';
import { SlicedSpread } from './sliced-spread.js';
import { SlicedTopK } from './sliced-top-k.js';
import { storedArguments } from './stored-arrays.js';
import { runToEnd, SYNC_SLICE_MS, YIELDING_SLICE_MS } from './sliced-work.js';

/** Smaller operands are copied without an estimate of the time. */
const INLINE_UPLOAD_BYTES = 2 * 2 ** 20;
/** The addon makes no codes of fewer. */
const LEAST_CODED_BYTES = 8 * 2 ** 20;
/** Row numbers of a top-k are 32 bits wide. */
const MAX_ROWS = 2 ** 32;

type Answer = Result<PhaseTimes, BackendError>;

export interface NativeBackendParts {
  readonly addon: CpuAddon;
  /** Index into the addon's levels. */
  readonly level: number;
  readonly threads: number;
  /** See `CpuBackendOptions.coalesce`. */
  readonly coalesce: boolean;
  readonly description: BackendDescription;
  /** See `CpuBackendOptions.companionBytes`. */
  readonly companionBytes?: number | undefined;
  /** Default: those of this backend. */
  readonly prices?: CodePrices | undefined;
}

/** The operations in the native addon, at one instruction-set level. */
export class NativeCpuBackend implements SyncBackend {
  readonly id = BACKEND_ID;
  readonly kind = 'cpu';
  readonly dtypes = DTYPES;
  readonly #addon: CpuAddon;
  readonly #here: AddonOfThread;
  readonly #description: BackendDescription;
  readonly #residents: CpuResidents;
  readonly #contexts: ScanContexts;
  readonly #state = new OpenState(failures, async () => {
    await this.#background.close();
    await this.#residents.close();
  });
  readonly #background: BackgroundWork;
  readonly #scans: ScanRunner;
  readonly #merged: MergedTopK | undefined;

  constructor({ addon, level, threads, coalesce, description, companionBytes, prices }: NativeBackendParts) {
    this.#addon = addon;
    this.#here = { addon, block: openCallBlock(addon) };
    this.#description = description;
    const contextsFor = (metric: Metric) => ({
      sync: encodeContext(metric, level, threads, SYNC_SLICE_MS),
      yielding: encodeContext(metric, level, threads, YIELDING_SLICE_MS),
    });
    this.#contexts = { cosine: contextsFor('cosine'), dot: contextsFor('dot'), euclidean: contextsFor('euclidean') };
    this.#residents = new CpuResidents(addon, this.#contexts.cosine);
    this.#background = new BackgroundWork({
      addon,
      context: this.#contexts.cosine.sync,
      residents: this.#residents,
      isBusy: () => this.#state.isBusy,
      budgetBytes: companionBytes,
      prices,
    });
    this.#scans = new ScanRunner({
      addon,
      contexts: this.#contexts,
      residents: this.#residents,
      background: this.#background,
      state: this.#state,
    });
    this.#merged = coalesce ? new MergedTopK((...request) => this.#rank(...request)) : undefined;
  }

  describe(): BackendDescription {
    return this.#description;
  }

  memory(): MemoryReading {
    return readMemory();
  }

  supports(request: OperationRequest): true | UnsupportedReason {
    if (this.#state.isClosed) return { reason: 'the backend is closed' };
    switch (request.operation) {
      case 'spread-activation':
        return true;
      case 'cosine-similarity':
      case 'top-k': {
        const reason = refusePlaced(request.matrix);
        if (reason !== undefined) return { reason };
        if (request.operation !== 'top-k' || request.matrix.rows <= MAX_ROWS) return true;
        return { reason: `a top-k over more than ${MAX_ROWS} rows` };
      }
      default:
        return { reason: `the operation ${String((request as { operation: unknown }).operation)} is not known` };
    }
  }

  formOf(request: OperationRequest): string | undefined {
    if (request.operation !== 'top-k' || request.candidates !== undefined) return undefined;
    // Codes of less would save no time. This is asked for each request.
    if (refusePlaced(request.matrix) !== undefined) return undefined;
    if ((request.matrix as VectorMatrix).values.byteLength < LEAST_CODED_BYTES) return undefined;
    const { matrix, start, end, rowsConsidered, count, queries } = prepareTopK(request);
    const handle = this.#residents.handleOf(matrix) ?? this.#residents.takeSaved(matrix);
    if (handle === undefined) return undefined;
    return RANKING_FORMS[this.#addon.rankingForm(handle, end - start, rowsConsidered, count, queries)];
  }

  residency(operand: Operand): Residency {
    const residentBytes = this.#residents.residentBytes(operand);
    return { residentBytes, bytesToUpload: residentBytes > 0 ? 0 : this.#residents.missingBytes(operand) };
  }

  async makeResident(operand: Operand, signal?: AbortSignal): Promise<Answer> {
    const startedAtMs = performance.now();
    const checked = prepareOperand(operand);
    const refusal = this.#state.refuse(signal);
    if (refusal !== undefined) return refusal;
    this.#background.pause();
    const failure = await this.#state.track(this.#residents.ensure(checked, signal));
    if (failure !== undefined) return failure;
    this.#background.ensured(checked);
    const uploadMs = performance.now() - startedAtMs;
    return measuredSince(startedAtMs, { uploadMs });
  }

  release(operand: Operand): void {
    this.#background.forget(operand);
    this.#residents.release(operand);
  }

  companions(): CompanionCounts {
    return this.#background.counts();
  }

  describeCompanion(matrix: VectorMatrix): CompanionState {
    return this.#background.describe(requireMatrix(matrix));
  }

  async companionSource(
    matrix: VectorMatrix,
    make: boolean,
    signal?: AbortSignal,
  ): Promise<CompanionSource | undefined> {
    const checked = requireMatrix(matrix);
    if (this.#state.refuse(signal) !== undefined) return undefined;
    this.#background.pause();
    return this.#state.track(this.#residents.codesSource(checked, make, signal));
  }

  cosineSimilaritySync(request: CosineSimilarityRequest, output: Float32Array): Answer {
    const startedAtMs = performance.now();
    const prepared = prepareCosineSimilarity(request);
    requireOutput(prepared, output);
    const refusal = this.#state.refuse(undefined, prepared.matrix);
    if (refusal !== undefined) return refusal;
    if (prepared.outputLength === 0) return NO_TIME;
    const source = this.#scans.sourceOf(prepared.matrix);
    const failure = runToEnd(new SlicedScore(this.#here, this.#contexts.cosine.sync, source, prepared, output));
    return failure ?? measuredSince(startedAtMs);
  }

  topKSync(request: TopKRequest, output: TopKOutput): Answer {
    const startedAtMs = performance.now();
    const prepared = prepareTopK(request);
    requireTopKOutput(prepared, output);
    const refusal = this.#state.refuse(undefined, prepared.matrix);
    if (refusal !== undefined) return refusal;
    if (prepared.outputLength > 0) {
      const source = this.#scans.sourceOf(prepared.matrix);
      const context = this.#contexts[prepared.metric].sync;
      const slices = new SlicedTopK(this.#here, context, source, prepared, output);
      const failure = runToEnd(slices);
      if (failure !== undefined) return failure;
      if (slices.searched !== undefined) return this.#finishSearch(prepared, output, slices.searched, startedAtMs);
    }
    finishTopK(prepared, output);
    return measuredSince(startedAtMs);
  }

  /** Ends a ranking that used codes, or would have been faster with them. */
  #finishSearch(prepared: PreparedTopK, output: TopKOutput, searched: Searched, startedAtMs: number): Answer {
    finishTopK(prepared, output, searched.counts());
    const answer = measuredSince(startedAtMs);
    this.#background.ranked(prepared.matrix, searched, answer.value.kernelMs);
    return answer;
  }

  spreadActivationSync(request: SpreadActivationRequest, output: Float32Array): Answer {
    const startedAtMs = performance.now();
    const prepared = prepareSpreadActivation(request);
    requireOutput(prepared, output);
    if (this.#state.isClosed) return failures.closed();
    if (prepared.outputLength === 0) return NO_TIME;
    if (prepared.hops === 0) {
      output.set(prepared.activations);
      return measuredSince(startedAtMs);
    }
    let handle = this.#residents.handleOf(prepared.graph);
    if (handle === undefined) {
      const failure = this.#residents.ensureNow(prepared.graph);
      if (failure !== undefined) return failure;
      handle = this.#residents.handleOf(prepared.graph);
      if (handle === undefined)
        return failures.of('fault', 'the copy of the graph was released as soon as it was created');
    }
    const context = this.#contexts.cosine.sync;
    const failure = runToEnd(new SlicedSpread(this.#here, context, handle, prepared, output));
    if (failure !== undefined) return failure;
    this.#background.spread(prepared.graph);
    return measuredSince(startedAtMs);
  }

  async cosineSimilarity(
    request: CosineSimilarityRequest,
    output: Float32Array,
    signal?: AbortSignal,
  ): Promise<Answer> {
    const prepared = prepareCosineSimilarity(request);
    requireOutput(prepared, output);
    const refusal = this.#state.refuse(signal, prepared.matrix);
    if (refusal !== undefined) return refusal;
    if (prepared.outputLength === 0) return NO_TIME;
    const here = this.#here;
    const { addon } = here;
    const { matrix, query, start, end, where } = prepared;
    return this.#scans.run(
      {
        matrix,
        isShort: this.#scans.isShort(prepared, 'cosine'),
        metric: 'cosine',
        slices: (context, source) => new SlicedScore(here, context, source, prepared, output),
        start: (context, source, done) =>
          addon.startScore(
            context,
            source,
            matrix.dimensions,
            ...formatArguments(matrix),
            query,
            output,
            start,
            end,
            where?.words,
            done,
            ...storedArguments(matrix.snapshot),
          ),
      },
      signal,
    );
  }

  async topK(request: TopKRequest, output: TopKOutput, signal?: AbortSignal): Promise<Answer> {
    const prepared = prepareTopK(request);
    requireTopKOutput(prepared, output);
    const refusal = this.#state.refuse(signal, prepared.matrix);
    if (refusal !== undefined) return refusal;
    if (prepared.outputLength === 0) {
      finishTopK(prepared, output);
      return NO_TIME;
    }
    const isShort = this.#scans.isShort(prepared, prepared.metric);
    // Requests with candidates have few rows in common.
    if (!isShort && prepared.candidates === undefined && this.#merged !== undefined) {
      return this.#state.track(this.#merged.run(prepared, output, signal));
    }
    const answer = await this.#rank(prepared, output, signal, isShort);
    if (answer.ok) finishTopK(prepared, output, output.search);
    return answer;
  }

  /** Writes the best rows of each query, also those that do not reach `minScore`, and how they were searched. */
  async #rank(
    prepared: PreparedTopK,
    output: TopKOutput,
    signal: AbortSignal | undefined,
    isShort = false,
  ): Promise<Answer> {
    const { indices, scores } = output;
    const { matrix, query, start, end, candidates, where, count, metric } = prepared;
    const here = this.#here;
    const { addon } = here;
    const searched = new Searched();
    const answer = await this.#scans.run(
      {
        matrix,
        isShort,
        metric,
        slices: (context, source) =>
          new SlicedTopK(here, context, source, prepared, { indices, scores, count }, searched),
        start: (context, source, done) =>
          addon.startTopK(
            context,
            source,
            matrix.dimensions,
            ...formatArguments(matrix),
            query,
            indices,
            scores,
            count,
            start,
            end,
            candidates,
            where?.words,
            (status, queueMs, runMs, ...rows) => {
              searched.add(...rows);
              done(status, queueMs, runMs);
            },
            ...storedArguments(matrix.snapshot),
          ),
      },
      signal,
    );
    setSearch(output, searched.counts());
    if (answer.ok) this.#background.ranked(matrix, searched, answer.value.kernelMs);
    return answer;
  }

  async spreadActivation(
    request: SpreadActivationRequest,
    output: Float32Array,
    signal?: AbortSignal,
  ): Promise<Answer> {
    const prepared = prepareSpreadActivation(request);
    requireOutput(prepared, output);
    const refusal = this.#state.refuse(signal);
    if (refusal !== undefined) return refusal;
    if (prepared.outputLength === 0) return NO_TIME;
    this.#background.pause();
    const { graph, activations, start, end, hops, decay, retention, threshold } = prepared;
    const context = this.#contexts.cosine.sync;
    const estimatedNs = hops * this.#addon.estimateSpreadNs(context, graph.columns.length, graph.nodes);
    const isResident = this.#residents.handleOf(graph) !== undefined;
    if (hops === 0 || (estimatedNs < INLINE_NS && (isResident || operandBytes(graph) < INLINE_UPLOAD_BYTES))) {
      return this.spreadActivationSync(prepared, output);
    }
    const answer = await this.#scans.onPool(graph, signal, (handle, done) =>
      this.#addon.startSpread(
        context,
        handle,
        activations,
        output,
        start,
        end,
        hops,
        decay,
        retention,
        threshold,
        done,
      ),
    );
    if (answer.ok && !this.#state.isClosed) this.#background.spread(graph);
    return answer;
  }

  close(): Promise<void> {
    return this.#state.close();
  }
}

/** How the addon reads the elements of a matrix. */
function formatArguments(matrix: VectorMatrix): [dtype: number, scale: number] {
  const { dtype, scale } = formatOf(matrix);
  return [DTYPE_CODES[dtype], scale];
}
