import { afterAll, beforeAll, describe, it } from 'vitest';
import { createExecutor, type CsrGraph, type Executor, type VectorMatrix } from '../src/index.js';

/** Awaits the action again and again until a timer has fired several times. */
async function expectTimersFire(action: () => Promise<unknown>): Promise<void> {
  const startedMs = performance.now();
  let ticks = 0;
  const timer = setInterval(() => (ticks += 1), 1);
  try {
    while (ticks < 5) {
      await action();
      if (performance.now() - startedMs > 5000) throw new Error('the event loop did not turn');
    }
  } finally {
    clearInterval(timer);
  }
}

describe('timers fire while a program awaits one after the other of', () => {
  const query = Float32Array.of(1, 0);
  let executor: Executor;
  let matrix: VectorMatrix;
  let graph: CsrGraph;
  beforeAll(async () => {
    executor = await createExecutor({ backends: ['cpu'] });
    matrix = await executor.matrix(new Float32Array([1, 0, 0, 1]), { dimensions: 2 });
    graph = await executor.graph({ nodes: 2, edges: [[0, 1, 1]] });
  });
  afterAll(() => executor.close());

  it.each<[string, () => Promise<unknown>]>([
    ['topK()', () => executor.topK(query, matrix, { k: 1, signal: AbortSignal.timeout(500) })],
    ['cosineSimilarity()', () => executor.cosineSimilarity(query, matrix)],
    ['spreadActivation()', () => executor.spreadActivation(graph, query)],
    ['run()', () => executor.run({ operation: 'top-k', query, matrix, k: 1 })],
    ['matrix()', async () => (await executor.matrix([[1, 2]]))[Symbol.asyncDispose]()],
    ['graph()', async () => (await executor.graph({ nodes: 2, edges: [[0, 1, 1]] }))[Symbol.asyncDispose]()],
    ['requests that are wrong', () => executor.topK(Float32Array.of(1), matrix, { k: 0 }).catch(() => null)],
  ])('%s', async (_what, action) => {
    await expectTimersFire(action);
  });
});
