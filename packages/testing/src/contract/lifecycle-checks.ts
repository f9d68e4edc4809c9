import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import {
  createMatrix,
  graphFromEdges,
  prepareCosineSimilarity,
  prepareTopK,
  createTopKOutput,
  type CosineSimilarityRequest,
  type VectorMatrix,
} from '@gearshift/contracts';
import { isError } from '@gearshift/contracts/internal';
import { oracleScores } from '../oracle/oracle-scores.js';
import { randomValues } from '../random/random-vectors.js';
import { askRanking, askScores, askSpread } from './ask.js';
import { assertClose, assertFailed, assertSameBits, assertSucceeded } from './assertions.js';
import type { ContractCheck } from './contract-check.js';
import { detach } from './operands.js';

const DIMENSIONS = 128;
/**
 * These checks double the work until a request takes this long, on any device: an event that has not happened by then does
 * not happen. A fast device computes at most two thousand million products.
 */
const LONG_MS = 500;
/** Once may be chance: the process was held up just then. */
const MOST_LONG = 1;
const MOST_QUERIES = 8192;

export const lifecycleChecks: readonly ContractCheck[] = [
  {
    name: 'abort: an already aborted signal stops every operation before it begins',
    async run({ backend }) {
      const { request, output } = someScores(3);
      const signal = AbortSignal.abort();
      assertFailed(await backend.cosineSimilarity(request, output, signal), 'aborted', backend.id, 'cosineSimilarity');
      const topK = prepareTopK({ operation: 'top-k', query: request.query, matrix: request.matrix, k: 2 });
      const ranking = createTopKOutput(topK);
      assertFailed(await backend.topK(topK, ranking, signal), 'aborted', backend.id, 'topK');
      const spread = {
        operation: 'spread-activation',
        graph: graphFromEdges(2, []),
        activations: new Float32Array(2),
      } as const;
      const activations = new Float32Array(2).fill(5);
      assertFailed(
        await backend.spreadActivation(spread, activations, signal),
        'aborted',
        backend.id,
        'spreadActivation',
      );
      assert.ok(
        [...output, ...ranking.scores].every((score) => score === 0),
        'an output was written',
      );
      assert.deepEqual([...activations], [5, 5], 'an output was written');
    },
  },
  {
    name: 'abort: a signal stops a long request under way, and the backend serves later requests',
    async run(subject) {
      const { backend } = subject;
      let long = 0;
      for (let queries = 4; ; queries *= 2) {
        assert.ok(queries <= MOST_QUERIES, 'no request was stopped, however long it was');
        const { request, output } = manyScores(queries);
        const controller = new AbortController();
        const answering = backend.cosineSimilarity(request, output, controller.signal);
        await setImmediate();
        const abortedAtMs = performance.now();
        controller.abort();
        const answer = await answering;
        if (answer.ok) {
          if (performance.now() - abortedAtMs >= LONG_MS) long += 1;
          assert.ok(long <= MOST_LONG, 'a long request was not stopped');
          continue;
        }
        assertFailed(answer, 'aborted', backend.id, 'a request under way');
        break;
      }
      const { request } = someScores(5);
      const { query, matrix } = request;
      const expected = oracleScores(prepareCosineSimilarity(request));
      assertClose(await askScores(subject, { query, matrix }), expected, subject.toleranceFactor, 'after an abort');
    },
  },
  {
    name: 'abort: no listener is left on a signal when its request has ended',
    async run({ backend }) {
      const controller = new AbortController();
      for (const { request, output } of [someScores(3), manyScores(8)]) {
        assertSucceeded(await backend.cosineSimilarity(request, output, controller.signal), 'with a signal');
      }
      assert.equal(getEventListeners(controller.signal, 'abort').length, 0, 'listeners left');
    },
  },
  {
    name: 'event loop: is not blocked while a long request is under way',
    async run({ backend }) {
      let long = 0;
      for (let queries = 4; ; queries *= 2) {
        assert.ok(queries <= MOST_QUERIES, 'the event loop stood still, however long the request was');
        const { request, output } = manyScores(queries);
        const startedAtMs = performance.now();
        let hasAnswered = false;
        let turns = 0;
        const answering = backend.cosineSimilarity(request, output).finally(() => (hasAnswered = true));
        while (!hasAnswered) {
          await setImmediate();
          turns += 1;
        }
        assertSucceeded(await answering, `${queries} queries`);
        if (turns > 3) return;
        if (performance.now() - startedAtMs >= LONG_MS) long += 1;
        assert.ok(long <= MOST_LONG, 'the event loop stood still during a long request');
      }
    },
  },
  {
    name: 'concurrency: concurrent requests do not affect each other',
    async run(subject) {
      const { backend } = subject;
      const { matrix } = manyScores(1).request;
      const queries = Array.from({ length: 12 }, (_, i) => randomValues(DIMENSIONS, 200 + i));
      const alone: Float32Array[] = [];
      for (const query of queries) alone.push(await askScores(subject, { query, matrix }));
      const best: Uint32Array[] = [];
      for (const query of queries) best.push((await askRanking(subject, { query, matrix, k: 9 })).indices);
      await Promise.all(
        queries.map(async (query, i) => {
          const output = new Float32Array(matrix.rows);
          const scored = backend.cosineSimilarity({ operation: 'cosine-similarity', query, matrix }, output);
          const topK = prepareTopK({ operation: 'top-k', query, matrix, k: 9 });
          const ranking = createTopKOutput(topK);
          const ranked = backend.topK(topK, ranking);
          assertSucceeded(await scored, `scores of query ${i}`);
          assertSucceeded(await ranked, `ranking of query ${i}`);
          assertSameBits(output, alone[i], `scores of query ${i}`);
          assert.deepEqual(ranking.indices, best[i], `ranking of query ${i}`);
        }),
      );
    },
  },
  {
    name: 'memory: a request gives correct scores or an error when the buffer of its operand is detached meanwhile',
    async run(subject) {
      const { backend } = subject;
      for (const queries of [1, 64]) {
        const { request, output } = manyScores(queries);
        const expected = queries === 1 ? oracleScores(prepareCosineSimilarity(request)) : [];
        const answering = backend.cosineSimilarity(request, output).catch((error: unknown) => {
          assert.ok(isError(error, 'TypeError'), `expected a TypeError, got ${String(error)}`);
          assert.match(error.message, /detached/);
          return undefined;
        });
        detach(request.matrix.values);
        const answer = await answering;
        if (answer?.ok === true && queries === 1) {
          assertClose(output, expected, subject.toleranceFactor, 'scores of an operand that went away');
        }
        if (answer?.ok === true) assert.ok(!output.some(Number.isNaN), 'scores of memory that went away');
      }
    },
  },
  {
    name: 'close: waits for requests under way',
    async run({ backend }) {
      const { request, output } = manyScores(64);
      let hasAnswered = false;
      const answering = backend.cosineSimilarity(request, output).finally(() => (hasAnswered = true));
      await backend.close();
      // Code that awaits the same promise may continue in either order, within the turn.
      await setImmediate();
      assert.ok(hasAnswered, 'the request was still under way after close()');
      assertSucceeded(await answering, 'a request under way when close() was called');
    },
  },
  {
    name: "close: later requests fail with kind 'unsupported', and a second close() succeeds",
    async run({ backend, sync }) {
      await backend.close();
      await backend.close();
      const { request, output } = someScores(2);
      const { query, matrix } = request;
      assertFailed(await backend.cosineSimilarity(request, output), 'unsupported', backend.id, 'cosineSimilarity');
      const topK = prepareTopK({ operation: 'top-k', query, matrix, k: 1 });
      assertFailed(await backend.topK(topK, createTopKOutput(topK)), 'unsupported', backend.id, 'topK');
      const spread = {
        operation: 'spread-activation',
        graph: graphFromEdges(2, []),
        activations: new Float32Array(2),
      } as const;
      const activations = new Float32Array(2);
      assertFailed(await backend.spreadActivation(spread, activations), 'unsupported', backend.id, 'spreadActivation');
      assert.notEqual(backend.supports(request), true, 'supports() after close()');
      if (sync === undefined) return;
      assertFailed(sync.cosineSimilaritySync(request, output), 'unsupported', backend.id, 'cosineSimilaritySync');
      assertFailed(sync.topKSync(topK, createTopKOutput(topK)), 'unsupported', backend.id, 'topKSync');
      assertFailed(sync.spreadActivationSync(spread, activations), 'unsupported', backend.id, 'spreadActivationSync');
    },
  },
  {
    name: 'description: is plain data that matches the backend, and its memory reading is in bytes',
    async run(subject) {
      const { backend } = subject;
      const description = backend.describe();
      assert.deepEqual(structuredClone(description), description);
      assert.equal(description.id, backend.id);
      assert.equal(description.kind, backend.kind);
      for (const name of ['device', 'version'] as const) assert.match(description[name], /\S/, name);
      assert.ok(
        description.limitations.every((line) => /\S/.test(line)),
        'an empty limitation',
      );
      const { freeBytes, totalBytes, readAtMs } = backend.memory();
      assert.ok(Number.isFinite(readAtMs), 'readAtMs');
      if (totalBytes !== null)
        assert.ok(Number.isSafeInteger(totalBytes) && totalBytes > 0, `totalBytes ${totalBytes}`);
      if (freeBytes !== null)
        assert.ok(freeBytes >= 0 && freeBytes <= (totalBytes ?? Infinity), `freeBytes ${freeBytes}`);
    },
  },
  {
    name: 'support: supports() is true exactly for the operations that succeed',
    async run(subject) {
      const { request } = someScores(4);
      const { query, matrix } = request;
      const graph = graphFromEdges(2, [[0, 1]]);
      const activations = Float32Array.of(1, 0);
      assert.equal(subject.backend.supports(request), true, 'cosine-similarity');
      await askScores(subject, { query, matrix });
      assert.equal(subject.backend.supports({ operation: 'top-k', query, matrix, k: 1 }), true, 'top-k');
      await askRanking(subject, { query, matrix, k: 1 });
      assert.equal(subject.backend.supports({ operation: 'spread-activation', graph, activations }), true, 'spreading');
      await askSpread(subject, { graph, activations });
    },
  },
];

type ScoreRequest = CosineSimilarityRequest & { readonly matrix: VectorMatrix };

function someScores(rows: number): { request: ScoreRequest; output: Float32Array } {
  const matrix = createMatrix(randomValues(rows * DIMENSIONS, 210), { dimensions: DIMENSIONS });
  const request = { operation: 'cosine-similarity', query: randomValues(DIMENSIONS, 211), matrix } as const;
  return { request, output: new Float32Array(rows) };
}

function manyScores(queries: number): { request: ScoreRequest; output: Float32Array } {
  const { request, output } = someScores(2048);
  const query = randomValues(queries * DIMENSIONS, 212);
  return { request: { ...request, query, queries }, output: new Float32Array(queries * output.length) };
}
