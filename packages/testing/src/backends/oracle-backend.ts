import { setImmediate } from 'node:timers/promises';
import {
  err,
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
import { oracleRanking } from '../oracle/oracle-ranking.js';
import { oracleScore, queryVector, rowVector } from '../oracle/oracle-scores.js';
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

  const runNow = (steps: Steps): Answer => {
    if (isClosed) return fail('unsupported', 'the backend is closed');
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
  const run = async (steps: Steps, signal: AbortSignal | undefined): Promise<Answer> => {
    if (isClosed) return fail('unsupported', 'the backend is closed');
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
    describe: () => ({ id, kind: 'cpu', device: 'oracle', version: '0.0.0', source: 'portable', limitations: [] }),
    memory: () => ({ freeBytes: null, totalBytes: null, readAtMs: performance.now() }),
    supports: () => !isClosed || { reason: 'the backend is closed' },
    cosineSimilaritySync: (request, output) => runNow(score(prepareCosineSimilarity(request), output)),
    topKSync: (request, output) => runNow(rank(prepareTopK(request), output)),
    spreadActivationSync: (request, output) => runNow(spread(prepareSpreadActivation(request), output)),
    cosineSimilarity: async (request, output, signal) => run(score(prepareCosineSimilarity(request), output), signal),
    topK: async (request, output, signal) => run(rank(prepareTopK(request), output), signal),
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
        output[place++] = oracleScore('cosine', queryVector(request, query), rowVector(request, row)).score;
        yield;
      }
    }
  })();
}

function rank(request: PreparedTopK, output: TopKOutput): Steps {
  requireTopKOutput(request, output);
  return (function* () {
    for (let query = 0; query < request.queries; query++) {
      const best = oracleRanking(request, query).slice(0, request.count);
      output.indices.set(
        best.map(({ index }) => index),
        query * request.count,
      );
      output.scores.set(
        best.map(({ rounded }) => rounded),
        query * request.count,
      );
      yield;
    }
    output.count = request.count;
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
