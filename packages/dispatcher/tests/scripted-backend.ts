import {
  compareRanked,
  ok,
  prepareCosineSimilarity,
  prepareSpreadActivation,
  prepareTopK,
  type BackendError,
  type DeviceKind,
  type OperationRequest,
  type PhaseTimes,
  type PreparedRequest,
  type Result,
  type SyncBackend,
  type TopKOutput,
  type UnsupportedReason,
} from '@gearshift/contracts';

export type Answer = Result<PhaseTimes, BackendError>;
export const PHASES: PhaseTimes = { queueMs: 0, uploadMs: 0, kernelMs: 1, downloadMs: 0, totalMs: 1, fused: true };

/** What call number n (from 0) does. */
export type Act = (
  call: number,
  compute: () => Answer,
  signal: AbortSignal | undefined,
  output: Float32Array | TopKOutput,
) => unknown;

export interface Script {
  readonly id: string;
  readonly kind: DeviceKind;
  /** Computes the right answer when left out. */
  readonly act?: Act | undefined;
  readonly supports?: (request: OperationRequest) => true | UnsupportedReason;
}

export interface ScriptedBackend extends SyncBackend {
  /** Operations that reached it, in order. */
  readonly calls: string[];
}

/** A backend that answers rightly by naive f64 loops, except where the script says otherwise. */
export function scriptedBackend({ id, kind, act, supports = () => true }: Script): ScriptedBackend {
  const calls: string[] = [];
  const answer = (request: PreparedRequest, output: Float32Array | TopKOutput, signal?: AbortSignal) => {
    const call = calls.push(request.operation) - 1;
    const right = () => compute(request, output);
    return (act === undefined ? right() : act(call, right, signal, output)) as Answer;
  };
  return {
    id,
    kind,
    calls,
    describe: () => ({ id, kind, device: id, version: '0.0.0', source: 'portable', limitations: [] }),
    memory: () => ({ freeBytes: null, totalBytes: null, readAtMs: 0 }),
    supports,
    cosineSimilarity: async (request, output, signal) => answer(prepareCosineSimilarity(request), output, signal),
    topK: async (request, output, signal) => answer(prepareTopK(request), output, signal),
    spreadActivation: async (request, output, signal) => answer(prepareSpreadActivation(request), output, signal),
    cosineSimilaritySync: (request, output) => answer(prepareCosineSimilarity(request), output),
    topKSync: (request, output) => answer(prepareTopK(request), output),
    spreadActivationSync: (request, output) => answer(prepareSpreadActivation(request), output),
    close: async () => {},
  };
}

function compute(request: PreparedRequest, output: Float32Array | TopKOutput): Answer {
  if (request.operation === 'cosine-similarity') (output as Float32Array).set(cosines(request));
  else if (request.operation === 'top-k') rank(request, output as TopKOutput);
  else spread(request, output as Float32Array);
  return ok(PHASES);
}

function cosines(request: Extract<PreparedRequest, { matrix: unknown }>): number[] {
  const { query, matrix, queries, start, end } = request;
  const scores: number[] = [];
  for (let q = 0; q < queries; q++) {
    for (let row = start; row < end; row++) {
      let [dot, queryNorm, rowNorm] = [0, 0, 0];
      for (let i = 0; i < matrix.dimensions; i++) {
        const a = query[q * matrix.dimensions + i];
        const b = matrix.values[row * matrix.dimensions + i];
        dot += a * b;
        queryNorm += a * a;
        rowNorm += b * b;
      }
      scores.push(queryNorm * rowNorm === 0 ? 0 : dot / Math.sqrt(queryNorm * rowNorm));
    }
  }
  return scores;
}

function rank(request: Extract<PreparedRequest, { operation: 'top-k' }>, output: TopKOutput): void {
  const scores = cosines(request);
  const rows = request.end - request.start;
  output.count = request.count;
  for (let q = 0; q < request.queries; q++) {
    const order = Array.from({ length: rows }, (_, row) => row)
      .filter((row) => request.candidates === undefined || request.candidates.includes(row + request.start))
      .sort((a, b) => compareRanked('cosine', scores[q * rows + a], a, scores[q * rows + b], b));
    for (let i = 0; i < request.count; i++) {
      output.indices[q * request.count + i] = order[i] + request.start;
      output.scores[q * request.count + i] = scores[q * rows + order[i]];
    }
  }
}

function spread(request: Extract<PreparedRequest, { operation: 'spread-activation' }>, output: Float32Array): void {
  const { graph, hops, decay, retention, threshold } = request;
  let x = Array.from(request.activations);
  for (let hop = 0; hop < hops; hop++) {
    x = x.map((own, node) => {
      let sum = 0;
      for (let e = graph.rowPointers[node]; e < graph.rowPointers[node + 1]; e++)
        sum += graph.weights[e] * x[graph.columns[e]];
      const y = retention * own + decay * sum;
      return Math.abs(y) < threshold ? 0 : y;
    });
  }
  output.set(x.slice(request.start, request.end));
}
