import { cpus } from 'node:os';
import {
  DTYPES,
  finishTopK,
  ok,
  prepareCosineSimilarity,
  prepareOperand,
  prepareSpreadActivation,
  prepareTopK,
  requireOutput,
  requireTopKOutput,
  type BackendDescription,
  type BackendError,
  type CompanionState,
  type CosineSimilarityRequest,
  type MemoryReading,
  type Operand,
  type OperationRequest,
  type PhaseTimes,
  type PreparedCosineSimilarity,
  type PreparedSpreadActivation,
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
import { optionNames, readOptions, refusePlaced } from '@gearshift/contracts/internal';
import { OpenState, type Failure } from '@gearshift/native-kit';
import { BACKEND_ID, failures } from '../backend-errors.js';
import { readMemory } from '../memory-reading.js';
import { PACKAGE_VERSION } from '../package-version.js';
import { measuredSince } from '../phase-times.js';
import { runToEnd, runYielding, STEP_DONE, type SlicedWork } from '../sliced-work.js';
import { RankRows } from './rank-rows.js';
import { ScoreRows } from './score-rows.js';
import { SpreadHops } from './spread-hops.js';
import { TimeSliced } from './time-slice.js';

type Answer = Result<PhaseTimes, BackendError>;

/** Row numbers of a top-k are 32 bits wide. */
const MAX_ROWS = 2 ** 32;

export interface PortableBackendOptions {
  /** Why no better implementation is in use, for `describe()`; one line each. */
  readonly limitations?: readonly string[] | undefined;
}

const OPTIONS = optionNames<PortableBackendOptions>({ limitations: true });

/**
 * The operations in TypeScript: they run everywhere Node does, on the caller's thread, and are the reference for every other
 * backend. Operands are read in place and never copied; elements of other types are widened to float32 row by row.
 *
 * Scores are computed in double precision and rounded once. Asynchronous calls yield to the event loop every few
 * milliseconds and then check their signal; a shorter call ends within the caller's turn.
 *
 * Methods return `'aborted'` and, after `close()`, `'unsupported'`; spreading over several hops also `'out-of-memory'`.
 * They throw TypeError when the caller's memory is detached or shrunk while a call is under way.
 */
export async function createPortableBackend(
  options: PortableBackendOptions = {},
): Promise<Result<SyncBackend, BackendError>> {
  return ok(new PortableBackend(readOptions('options', options, OPTIONS).limitations ?? []));
}

class PortableBackend implements SyncBackend {
  readonly id = BACKEND_ID;
  readonly kind = 'cpu';
  readonly dtypes = DTYPES;
  readonly #limitations: readonly string[];
  readonly #state = new OpenState(failures);

  constructor(limitations: readonly string[]) {
    this.#limitations = [...limitations];
  }

  describe(): BackendDescription {
    return {
      id: this.id,
      kind: this.kind,
      device: cpus().at(0)?.model.trim() ?? 'unknown CPU',
      version: PACKAGE_VERSION,
      source: 'portable',
      level: 'typescript',
      threads: 1,
      limitations: this.#limitations,
    };
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

  /** Nothing is ever copied, so nothing ever has to be uploaded. */
  residency(operand: Operand): Residency {
    prepareOperand(operand);
    return { residentBytes: 0, bytesToUpload: 0 };
  }

  describeCompanion(): CompanionState {
    return { backend: BACKEND_ID, status: 'none', reason: 'there are no codes without the native addon', bytes: 0 };
  }

  cosineSimilaritySync(request: CosineSimilarityRequest, output: Float32Array): Answer {
    const prepared = prepareCosineSimilarity(request);
    requireOutput(prepared, output);
    return this.#runNow(() => scoreWork(prepared, output), prepared.matrix);
  }

  topKSync(request: TopKRequest, output: TopKOutput): Answer {
    const prepared = prepareTopK(request);
    requireTopKOutput(prepared, output);
    const answer = this.#runNow(() => rankWork(prepared, output), prepared.matrix);
    if (answer.ok) finishTopK(prepared, output);
    return answer;
  }

  spreadActivationSync(request: SpreadActivationRequest, output: Float32Array): Answer {
    const prepared = prepareSpreadActivation(request);
    requireOutput(prepared, output);
    return this.#runNow(() => spreadWork(prepared, output));
  }

  async cosineSimilarity(
    request: CosineSimilarityRequest,
    output: Float32Array,
    signal?: AbortSignal,
  ): Promise<Answer> {
    const prepared = prepareCosineSimilarity(request);
    requireOutput(prepared, output);
    return this.#run(() => scoreWork(prepared, output), signal, prepared.matrix);
  }

  async topK(request: TopKRequest, output: TopKOutput, signal?: AbortSignal): Promise<Answer> {
    const prepared = prepareTopK(request);
    requireTopKOutput(prepared, output);
    const answer = await this.#run(() => rankWork(prepared, output), signal, prepared.matrix);
    if (answer.ok) finishTopK(prepared, output);
    return answer;
  }

  async spreadActivation(
    request: SpreadActivationRequest,
    output: Float32Array,
    signal?: AbortSignal,
  ): Promise<Answer> {
    const prepared = prepareSpreadActivation(request);
    requireOutput(prepared, output);
    return this.#run(() => spreadWork(prepared, output), signal);
  }

  close(): Promise<void> {
    return this.#state.close();
  }

  #runNow(begin: () => SlicedWork | Failure, matrix?: VectorMatrix): Answer {
    const refusal = this.#state.refuse(undefined, matrix);
    if (refusal !== undefined) return refusal;
    const startedAtMs = performance.now();
    const work = begin();
    if (isFailed(work)) return work;
    return runToEnd(work) ?? measuredSince(startedAtMs);
  }

  async #run(
    begin: () => SlicedWork | Failure,
    signal: AbortSignal | undefined,
    matrix?: VectorMatrix,
  ): Promise<Answer> {
    const refusal = this.#state.refuse(signal, matrix);
    if (refusal !== undefined) return refusal;
    const startedAtMs = performance.now();
    const work = begin();
    if (isFailed(work)) return work;
    const failure = await this.#state.track(runYielding(work, () => signal?.aborted === true));
    return failure ?? measuredSince(startedAtMs);
  }
}

const NO_WORK: SlicedWork = { step: () => STEP_DONE };

function scoreWork(request: PreparedCosineSimilarity, output: Float32Array): SlicedWork {
  if (request.outputLength === 0) return NO_WORK;
  return new TimeSliced(new ScoreRows(request, output), {
    inputs: [request.query, request.matrix.values],
    outputs: [output],
  });
}

function rankWork(request: PreparedTopK, output: TopKOutput): SlicedWork {
  if (request.outputLength === 0) return NO_WORK;
  const { indices, scores } = output;
  return new TimeSliced(new RankRows(request, { indices, scores }), {
    inputs: [request.query, request.matrix.values, ...(request.candidates === undefined ? [] : [request.candidates])],
    outputs: [indices, scores],
  });
}

function spreadWork(request: PreparedSpreadActivation, output: Float32Array): SlicedWork | Failure {
  if (request.outputLength === 0) return NO_WORK;
  const { graph, activations, hops } = request;
  let spare: Float32Array;
  try {
    spare = new Float32Array(hops > 1 ? graph.nodes : 0);
  } catch {
    const requestedBytes = graph.nodes * Float32Array.BYTES_PER_ELEMENT;
    return failures.of('out-of-memory', 'there is not enough memory for the activations between two hops', {
      requestedBytes,
    });
  }
  return new TimeSliced(new SpreadHops(request, output, spare), {
    inputs: [activations, graph.rowPointers, graph.columns, graph.weights],
    outputs: [output],
  });
}

function isFailed(work: SlicedWork | Failure): work is Failure {
  return 'error' in work;
}
