import {
  ok,
  prepareCosineSimilarity,
  prepareTopK,
  prepareSpreadActivation,
  type Backend,
  type BackendError,
  type CosineSimilarityRequest,
  type OperationRequest,
  type PhaseTimes,
  type PreparedCosineSimilarity,
  type PreparedTopK,
  type Result,
  type SpreadActivationRequest,
  type SyncBackend,
  type TopKOutput,
  type TopKRequest,
  type VectorMatrix,
} from '@gearshift/contracts';
import { createOracleBackend } from '../../src/index.js';

export type Answer = Result<PhaseTimes, BackendError>;

const PHASES: PhaseTimes = { queueMs: 0, uploadMs: 0, kernelMs: 0, downloadMs: 0, totalMs: 0, fused: true };

/** A request about rows in this process. */
export type Here<Request extends { readonly matrix: unknown }> = Omit<Request, 'matrix'> & {
  readonly matrix: VectorMatrix;
};

/** Changes a request before it is computed, or an answer afterwards. Synchronous and asynchronous calls both use it. */
export interface Fault {
  cosineRequest?(request: Here<CosineSimilarityRequest>): CosineSimilarityRequest;
  cosineOutput?(output: Float32Array, request: Here<CosineSimilarityRequest>): void;
  topKRequest?(request: Here<TopKRequest>): TopKRequest;
  topKOutput?(output: TopKOutput, request: Here<TopKRequest>): void;
  spreadRequest?(request: SpreadActivationRequest): SpreadActivationRequest;
  spreadOutput?(output: Float32Array, request: SpreadActivationRequest): void;
}

/** The oracle with a fault. Requests are checked first, so only checked requests reach the fault. */
export function withFault(fault: Fault): SyncBackend {
  const right = createOracleBackend();
  const cosine = (request: PreparedCosineSimilarity) => fault.cosineRequest?.(plain(request)) ?? request;
  const topK = (request: PreparedTopK) => fault.topKRequest?.(plain(request)) ?? request;
  const spread = (request: SpreadActivationRequest) => fault.spreadRequest?.(plain(request)) ?? request;
  const spoil = (answer: Answer, after: (() => void) | undefined): Answer => {
    if (answer.ok) after?.();
    return answer;
  };
  return {
    ...right,
    cosineSimilaritySync(request, output) {
      const asked = prepareCosineSimilarity(request);
      return spoil(right.cosineSimilaritySync(cosine(asked), output), () => fault.cosineOutput?.(output, asked));
    },
    topKSync(request, output) {
      const asked = prepareTopK(request);
      return spoil(right.topKSync(topK(asked), output), () => fault.topKOutput?.(output, asked));
    },
    spreadActivationSync(request, output) {
      const asked = prepareSpreadActivation(request);
      return spoil(right.spreadActivationSync(spread(asked), output), () => fault.spreadOutput?.(output, asked));
    },
    async cosineSimilarity(request, output, signal) {
      const asked = prepareCosineSimilarity(request);
      const answer = await right.cosineSimilarity(cosine(asked), output, signal);
      return spoil(answer, () => fault.cosineOutput?.(output, asked));
    },
    async topK(request, output, signal) {
      const asked = prepareTopK(request);
      return spoil(await right.topK(topK(asked), output, signal), () => fault.topKOutput?.(output, asked));
    },
    async spreadActivation(request, output, signal) {
      const asked = prepareSpreadActivation(request);
      const answer = await right.spreadActivation(spread(asked), output, signal);
      return spoil(answer, () => fault.spreadOutput?.(output, asked));
    },
  };
}

/** The oracle with some of its methods replaced. */
export function withMethods(replace: (right: SyncBackend) => Partial<Backend>): Backend {
  const right = createOracleBackend();
  return { ...right, ...replace(right) };
}

export function succeed(): Answer {
  return ok(PHASES);
}

/** Without the synchronous methods, so that the comparison with them does not detect a fault of the asynchronous ones. */
export function withoutTwins(backend: Backend): Backend {
  const { cosineSimilaritySync: _1, topKSync: _2, spreadActivationSync: _3, ...rest } = backend as SyncBackend;
  return rest;
}

export function withValues(matrix: VectorMatrix, change: (values: Float32Array) => void): VectorMatrix {
  const values = Float32Array.from(matrix.values);
  change(values);
  return { ...matrix, values };
}

export function outputRows({ matrix, start = 0, end = matrix.rows }: Here<CosineSimilarityRequest>): number {
  return end - start;
}

function plain<T extends OperationRequest>(request: T): T {
  return { ...request };
}
