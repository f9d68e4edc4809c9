import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { createPortableBackend } from '@gearshift/backend-cpu';
import { unwrap } from '@gearshift/contracts';
import { createFakeGpuBackend } from '@gearshift/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createExecutor, type Edge, type Executor, type OwnedGraph, type PartialAnswer } from '../src/index.js';

const WORKER = fileURLToPath(new URL('fixtures/asking-graph-worker.mjs', import.meta.url));
const NODES = 2000;
const EDGES: readonly Edge[] = Array.from({ length: 6 * NODES }, (_, i) => [
  (i * 37) % NODES,
  (i * 101 + 7) % NODES,
  ((i % 17) - 8) / 16,
]);
const ACTIVATIONS = Float32Array.from({ length: NODES }, (_, node) => Math.sin(node));
const HOPS = 20;
const DISPOSED = new TypeError('graph is disposed');

interface Answer {
  readonly answer?: Float32Array;
  readonly held?: boolean;
  readonly error?: unknown;
}

describe.each(['cpu', 'portable'])('a graph of an executor, on the %s backend', (mode) => {
  let executor: Executor;
  let graph: OwnedGraph;
  let expected: Float32Array;
  const workers: Worker[] = [];
  const open = async () =>
    createExecutor({ backends: [mode === 'cpu' ? 'cpu' : unwrap(await createPortableBackend())] });

  beforeEach(async () => {
    executor = await open();
    graph = await executor.graph({ nodes: NODES, edges: EDGES });
    expected = await executor.spreadActivation(graph, ACTIVATIONS, { hops: HOPS });
  });
  afterEach(async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.terminate()));
    await graph[Symbol.asyncDispose]();
    await executor.close();
  });

  async function startWorker() {
    const flag = new Int32Array(new SharedArrayBuffer(4));
    const worker = new Worker(WORKER, { workerData: { mode, flag } });
    workers.push(worker);
    await once(worker, 'message');
    const ask = async (request: object): Promise<Answer> => {
      worker.postMessage({ activations: ACTIVATIONS, hops: HOPS, ...request });
      const [answer] = (await once(worker, 'message')) as [Answer];
      return answer;
    };
    return { worker, flag, ask };
  }

  it('is posted to a worker without its edges, and gives the same answers there', async () => {
    const { ask } = await startWorker();
    expect(await ask({ graph })).toEqual({ answer: expected, held: true });
    expect(await ask({ again: 0 })).toEqual({ answer: expected, held: true });
  });

  it('may be posted twice, and to several workers', async () => {
    const [first, second] = await Promise.all([startWorker(), startWorker()]);
    const answers = [
      await first.ask({ graph }),
      await first.ask({ graph }),
      await second.ask({ graph }),
      await first.ask({ again: 0 }),
      await first.ask({ again: 1 }),
    ];
    for (const { answer } of answers) expect(answer).toEqual(expected);
  });

  it('answers the request of a worker under way when it is disposed, and then throws in every thread', async () => {
    const { worker, flag, ask } = await startWorker();
    // The first use there: the worker reads the edges after they were disposed here.
    expect(await ask({ graph, waits: true })).toBe('under way');
    await graph[Symbol.asyncDispose]();
    await graph[Symbol.asyncDispose]();
    expect(() => graph.weights).toThrow(DISPOSED);
    Atomics.store(flag, 0, 1);
    Atomics.notify(flag, 0);
    const [{ answer }] = (await once(worker, 'message')) as [Answer];
    expect(answer).toEqual(expected);
    expect((await ask({ again: 0 })).error).toEqual(DISPOSED);
    await expect(executor.spreadActivation(graph, ACTIVATIONS)).rejects.toThrow(DISPOSED);
    expect(() => executor.spreadActivationSync(graph, ACTIVATIONS)).toThrow(DISPOSED);
    await expect(executor.run({ operation: 'spread-activation', graph, activations: ACTIVATIONS })).rejects.toThrow(
      DISPOSED,
    );
  });

  it('answers requests of its own thread that are under way when it is disposed', async () => {
    const running = [
      executor.spreadActivation(graph, ACTIVATIONS, { hops: HOPS }),
      executor.run({ operation: 'spread-activation', graph, activations: ACTIVATIONS, hops: HOPS }),
    ] as const;
    await graph[Symbol.asyncDispose]();
    expect(await running[0]).toEqual(expected);
    expect(unwrap(await running[1]).output).toEqual(expected);
  });

  it('gives its arrays and its answers to whoever has a handle that arrived', async () => {
    const handle = structuredClone(graph);
    expect(Object.keys(handle).sort()).toEqual(['id', 'nodes', 'stored', 'version']);
    const request = { operation: 'spread-activation', graph: handle, activations: ACTIVATIONS, hops: HOPS } as const;
    expect(executor.spreadActivationSync(handle, ACTIVATIONS, { hops: HOPS })).toEqual(expected);
    expect(unwrap(await executor.run(request)).output).toEqual(expected);
    const attached = executor.attach(handle);
    expect(executor.attach(handle)).toBe(attached);
    expect(executor.attach(graph)).toBe(graph);
    expect(attached.columns).toEqual(graph.columns);
    await attached[Symbol.asyncDispose]();
    expect(() => attached.columns).toThrow(DISPOSED);
    await expect(executor.spreadActivation(handle, ACTIVATIONS)).rejects.toThrow(DISPOSED);
    expect(await executor.spreadActivation(graph, ACTIVATIONS, { hops: HOPS })).toEqual(expected);
  });

  it('is the source of another graph of the same or another executor', async () => {
    await using other = await open();
    for (const adopt of [false, true]) {
      const copy = await other.graph(graph, { adopt, expectedUses: 2 });
      expect(copy).toMatchObject({ nodes: NODES, version: 1, expectedUses: 2, columns: graph.columns });
      expect(copy.id).not.toBe(graph.id);
      const again = await other.graph(copy);
      expect(await other.spreadActivation(again, ACTIVATIONS, { hops: HOPS })).toEqual(expected);
      for (const one of [copy, again]) await one[Symbol.asyncDispose]();
    }
  });

  it('outlives a closed executor, until it is disposed', async () => {
    await executor.close();
    await expect(executor.spreadActivation(graph, ACTIVATIONS)).rejects.toThrow('executor is closed');
    expect(graph.columns).toHaveLength(EDGES.length);
    await graph[Symbol.asyncDispose]();
    expect(() => graph.columns).toThrow(DISPOSED);
  });
});

it('resume() continues with a stored graph and with its handle, and leaves finished items as they are', async () => {
  await using executor = await createExecutor({ backends: ['cpu'] });
  const graph = await executor.graph({ nodes: 4, edges: [[0, 1], [1, 2, 0.5], [2, 3, 0.25]] }); // prettier-ignore
  const { id, version } = graph;
  const activations = [1, 1, 1, 1];
  const other = await executor.graph({ nodes: 4, edges: [] });
  const unfinished = (): PartialAnswer => ({
    output: Float32Array.of(77, 77, 0, 0),
    done: [{ start: 0, end: 2 }],
    remaining: [{ start: 2, end: 4 }],
    attempts: [],
    operation: 'spread-activation',
    operand: { id, version },
  });
  for (const asked of [graph, structuredClone(graph)]) {
    const request = { operation: 'spread-activation', graph: asked, activations, decay: 1 } as const;
    const { output } = unwrap(await executor.resume(request, unfinished()));
    expect([...output]).toEqual([77, 77, 0.5, 0.25]);
  }
  const request = { operation: 'spread-activation', graph: other, activations } as const;
  await expect(executor.resume(request, unfinished())).rejects.toThrow('partial.operand.id: expected');
  await graph[Symbol.asyncDispose]();
  await expect(executor.resume({ ...request, graph }, unfinished())).rejects.toThrow(DISPOSED);
});

it('releases the copies that devices keep of a disposed graph', async () => {
  const gpu = createFakeGpuBackend();
  const released: number[] = [];
  const release: typeof gpu.release = (operand) => {
    released.push(operand.id);
    gpu.release(operand);
  };
  await using executor = await createExecutor({ backends: [{ ...gpu, release }, 'cpu'] });
  for (const adopt of [false, true]) {
    const parts = {
      nodes: 2,
      rowPointers: Uint32Array.of(0, 0, 1),
      columns: Uint32Array.of(0),
      weights: Float32Array.of(1),
    };
    const graph = await executor.graph(parts, { adopt });
    const { id, version, nodes, rowPointers, columns, weights } = graph;
    const operand = { id, version, nodes, rowPointers, columns, weights };
    expect((await gpu.makeResident(operand)).ok).toBe(true);
    await graph[Symbol.asyncDispose]();
    await graph[Symbol.asyncDispose]();
    expect(gpu.residency(operand).residentBytes).toBe(0);
    expect(released.splice(0)).toEqual([id]);
  }
});
