import { setImmediate } from 'node:timers/promises';
import {
  DTYPES,
  err,
  NO_ROW,
  ok,
  prepareCosineSimilarity,
  prepareSpreadActivation,
  prepareTopK,
  requireOutput,
  requireTopKOutput,
  type BackendError,
  type BackendErrorKind,
  type PhaseTimes,
  type PreparedCosineSimilarity,
  type PreparedSpreadActivation,
  type PreparedTopK,
  type Result,
  type SyncBackend,
  type TopKOutput,
} from '@gearshift/contracts';
import { refusePlaced } from '@gearshift/contracts/internal';
import { oracleRanking, type OracleEntry } from '../oracle/oracle-ranking.js';
import { isConsidered, oracleScore, queryVector, rowVector } from '../oracle/oracle-scores.js';
import { oracleSpread } from '../oracle/oracle-spread.js';

/** Work with pauses, so that it can be aborted. */
type Steps = Generator<undefined, void, undefined>;
type Answer = Result<PhaseTimes, BackendError>;

const SLICE_MS = 4;

/** A CPU backend that computes with the oracle: slow, correct, and independent of the real backends. */
export function createOracleBackend(id = 'oracle'): SyncBackend {
  const underWay = new Set<Promise<Answer>>();
  let isClosed = false;
  const fail = (kind: BackendErrorKind, message: string) => err({ kind, message, backend: id });

  const refuse = (request?: PreparedTopK | PreparedCosineSimilarity) => {
    const reason = isClosed ? 'the backend is closed' : request && refusePlaced(request.matrix);
    return reason === undefined ? undefined : fail('unsupported', reason);
  };
  const runNow = (steps: Steps, request?: PreparedTopK | PreparedCosineSimilarity): Answer => {
    const refusal = refuse(request);
    if (refusal !== undefined) return refusal;
    const startedAtMs = performance.now();
    while (steps.next().done !== true);
    return succeed(startedAtMs);
  };
  const runYielding = async (steps: Steps, signal: AbortSignal | undefined): Promise<Answer> => {
    const startedAtMs = performance.now();
    let sliceEndMs = startedAtMs + SLICE_MS;
    while (steps.next().done !== true) {
      if (performance.now() < sliceEndMs) continue;
      await setImmediate();
      if (signal?.aborted === true) return fail('aborted', 'the request was aborted');
      sliceEndMs = performance.now() + SLICE_MS;
    }
    return succeed(startedAtMs);
  };
  const run = async (
    steps: Steps,
    signal: AbortSignal | undefined,
    request?: PreparedTopK | PreparedCosineSimilarity,
  ): Promise<Answer> => {
    const refusal = refuse(request);
    if (refusal !== undefined) return refusal;
    if (signal?.aborted === true) return fail('aborted', 'the request was aborted');
    const running = runYielding(steps, signal);
    underWay.add(running);
    try {
      return await running;
    } finally {
      underWay.delete(running);
    }
  };

  return {
    id,
    kind: 'cpu',
    dtypes: DTYPES,
    describe: () => ({ id, kind: 'cpu', device: 'oracle', version: '0.0.0', source: 'portable', limitations: [] }),
    memory: () => ({ freeBytes: null, totalBytes: null, readAtMs: performance.now() }),
    supports(request) {
      if (isClosed) return { reason: 'the backend is closed' };
      const reason = 'matrix' in request ? refusePlaced(request.matrix) : undefined;
      return reason === undefined || { reason };
    },
    cosineSimilaritySync(request, output) {
      const prepared = prepareCosineSimilarity(request);
      return runNow(score(prepared, output), prepared);
    },
    topKSync(request, output) {
      const prepared = prepareTopK(request);
      return runNow(rank(prepared, output), prepared);
    },
    spreadActivationSync: (request, output) => runNow(spread(prepareSpreadActivation(request), output)),
    async cosineSimilarity(request, output, signal) {
      const prepared = prepareCosineSimilarity(request);
      return run(score(prepared, output), signal, prepared);
    },
    async topK(request, output, signal) {
      const prepared = prepareTopK(request);
      return run(rank(prepared, output), signal, prepared);
    },
    spreadActivation: async (request, output, signal) => run(spread(prepareSpreadActivation(request), output), signal),
    async close() {
      isClosed = true;
      while (underWay.size > 0) await Promise.allSettled(underWay);
    },
  };
}

function score(request: PreparedCosineSimilarity, output: Float32Array): Steps {
  requireOutput(request, output);
  return (function* () {
    let place = 0;
    for (let query = 0; query < request.queries; query++) {
      for (let row = request.start; row < request.end; row++) {
        const isOutside = !isConsidered(request, row);
        output[place++] = isOutside
          ? NaN
          : oracleScore('cosine', queryVector(request, query), rowVector(request, row)).score;
        yield;
      }
    }
  })();
}

function rank(request: PreparedTopK, output: TopKOutput): Steps {
  requireTopKOutput(request, output);
  return (function* () {
    const { queries, count: most, minScore } = request;
    const lists: OracleEntry[][] = [];
    for (let query = 0; query < queries; query++) {
      lists.push(oracleRanking(request, query).slice(0, most));
      yield;
    }
    const count = Math.max(...lists.map(({ length }) => length));
    for (const [query, list] of lists.entries()) {
      for (let i = 0; i < count; i++) {
        output.indices[query * count + i] = i < list.length ? list[i].index : NO_ROW;
        output.scores[query * count + i] = i < list.length ? list[i].rounded : NaN;
      }
      if (minScore !== undefined && queries > 1 && output.counts !== undefined) output.counts[query] = list.length;
    }
    output.count = count;
  })();
}

/** Hop by hop, each rounded to float32, so that several hops have the same bits as single hops in sequence. */
function spread(request: PreparedSpreadActivation, output: Float32Array): Steps {
  requireOutput(request, output);
  return (function* () {
    const { graph, start, end } = request;
    let { activations } = request;
    for (let hop = 0; hop < request.hops; hop++) {
      const single = prepareSpreadActivation({
        operation: 'spread-activation',
        graph,
        activations,
        start,
        end,
        decay: Math.fround(request.decay),
        retention: Math.fround(request.retention),
        threshold: Math.fround(request.threshold),
      });
      activations = Float32Array.from(oracleSpread(single), ({ score }) => score);
      yield;
    }
    output.set(request.hops === 0 ? activations.subarray(start, end) : activations);
  })();
}

function succeed(startedAtMs: number): Answer {
  const totalMs = performance.now() - startedAtMs;
  return ok({ queueMs: 0, uploadMs: 0, kernelMs: totalMs, downloadMs: 0, totalMs, fused: true });
}
