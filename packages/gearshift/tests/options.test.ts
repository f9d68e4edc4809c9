import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createExecutor, createTracker, type Executor, type OwnedGraph, type OwnedMatrix } from '../src/index.js';

let executor: Executor;
let matrix: OwnedMatrix;
let graph: OwnedGraph;
beforeAll(async () => {
  executor = await createExecutor({ backends: ['cpu'] });
  matrix = await executor.matrix([
    [1, 0],
    [0.6, 0.8],
    [0, 1],
  ]);
  graph = await executor.graph({ nodes: 2, edges: [[0, 1]] });
});
afterAll(() => executor.close());

/** The error that a call throws or rejects with. */
async function errorOf(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('a misspelt option', () => {
  const request = { operation: 'top-k', query: [1, 0], k: 1 } as const;
  it.each<[string, () => unknown, string]>([
    ['topK', () => executor.topK([1, 0], matrix, { k: 1, candidats: [1] } as never), 'candidates'],
    ['topKSync', () => executor.topKSync([1, 0], matrix, { k: 1, metrik: 'dot' } as never), 'metric'],
    ['cosineSimilarity', () => executor.cosineSimilarity([1, 0], matrix, { begin: 1, strat: 1 } as never), "'begin'"],
    ['cosineSimilaritySync', () => executor.cosineSimilaritySync([1, 0], matrix, { ends: 1 } as never), 'end'],
    ['spreadActivation', () => executor.spreadActivation(graph, [1, 0], { hop: 1 } as never), 'hops'],
    ['spreadActivationSync', () => executor.spreadActivationSync(graph, [1, 0], { decey: 1 } as never), 'decay'],
    ['matrix', () => executor.matrix([[1]], { adpot: true } as never), 'adopt'],
    ['graph', () => executor.graph({ nodes: 1, edges: [] }, { adpot: true } as never), 'adopt'],
    ['the source of graph', () => executor.graph({ nodes: 1, edges: [], edge: [] } as never), 'edges'],
    ['run', () => executor.run({ ...request, matrix }, { deadline: 5 } as never), 'deadlineMs'],
    ['the request of run', () => executor.run({ ...request, matrix, filter: [5] } as never), "'filter'"],
    ['resume', () => executor.resume({ ...request, matrix }, {} as never, { signl: 1 } as never), 'signal'],
    ['updateOptions', () => executor.updateOptions({ fallbck: 'never' } as never), 'fallback'],
    ['hangLimits of updateOptions', () => executor.updateOptions({ hangLimits: { florMs: 1 } } as never), 'floorMs'],
    ['createExecutor', () => createExecutor({ backend: ['cpu'] } as never), 'backends'],
    ['memory of createExecutor', () => createExecutor({ memory: { cap: 1 } } as never), 'capBytes'],
    [
      'the companions of createExecutor',
      () => createExecutor({ memory: { companions: 1 } } as never),
      'companionBytes',
    ],
    ['createTracker', () => createTracker({ window: 5 } as never), 'windowSize'],
  ])('of %s is a TypeError that names it and the nearest option', async (_, call, nearest) => {
    const error = await errorOf(call);
    expect(error).toBeInstanceOf(TypeError);
    expect(String(error)).toContain('is not an option; did you mean');
    expect(String(error)).toContain(nearest);
  });

  it('is reported for a filter, which topK does not have', async () => {
    const error = await errorOf(() => executor.topK([1, 0], matrix, { k: 3, filter: [5] } as never));
    expect(error).toMatchObject({ name: 'TypeError', message: expect.stringContaining('candidates') });
  });

  it('is reported for limits on the time of a synchronous request', () => {
    const signal = AbortSignal.abort();
    expect(() => executor.topKSync([1, 0], matrix, { k: 1, signal } as never)).toThrow("'signal' is not an option");
  });
});

describe('inherited options', () => {
  class Settings {
    k = 1;
  }
  it.each<[string, () => unknown]>([
    ['topK', () => executor.topK([1, 0], matrix, new Settings())],
    ['topKSync', () => executor.topKSync([1, 0], matrix, Object.create({ k: 1 }) as never)],
    ['cosineSimilarity', () => executor.cosineSimilarity([1, 0], matrix, Object.create({ start: 1 }) as never)],
    ['spreadActivation', () => executor.spreadActivation(graph, [1, 0], Object.create({ hops: 2 }) as never)],
    ['matrix', () => executor.matrix([[1]], Object.create({ pin: true }) as never)],
    ['graph', () => executor.graph(Object.create({ nodes: 1, edges: [] }) as never)],
    ['run', () => executor.run(Object.assign(new Settings(), { operation: 'top-k', query: [1, 0], matrix }) as never)],
    ['updateOptions', () => executor.updateOptions(Object.create({ fallback: 'never' }) as never)],
    ['createExecutor', () => createExecutor(Object.create({ backends: ['cpu'] }) as never)],
  ])('of %s are a TypeError', async (_, call) => {
    const error = await errorOf(call);
    expect(error).toBeInstanceOf(TypeError);
    expect(String(error)).toContain('expected a plain object');
  });

  it('of a polluted Object.prototype change no answer', async () => {
    const pollution: Record<string, unknown> = {
      ...{ k: 1, metric: 'euclidean', start: 1, end: 1, candidates: [2], queries: 9, where: {}, minScore: 1 },
      ...{ hops: 3, decay: 0, retention: 1, threshold: 9, deadlineMs: 0, output: 1, adopt: true, pin: true },
      ...{ dimensions: 3, expectedUses: 4, companion: 'int8', edges: [], fallback: 'never', threads: 0, backends: [] },
      ...{ memory: 3, policy: 3, tracker: 3, calibration: 3, verifyEveryNth: -1, hangLimits: 3, windowSize: -1 },
      ...{ changes: [], removed: {}, counts: 3, rowCount: 9, words: 3, level: 'none', operations: 3, devices: 3 },
      ...{ companionBytes: -1, search: 3 },
    };
    const prototype = Object.prototype as Record<string, unknown>;
    const ask = async () => [
      await executor.topK([1, 0], matrix, { k: 2 }),
      executor.topKSync([1, 0], matrix, { k: 2 }),
      await executor.cosineSimilarity([1, 0], matrix),
      executor.cosineSimilaritySync([1, 0], matrix, {}),
      await executor.spreadActivation(graph, [1, 0]),
      executor.spreadActivationSync(graph, [1, 0], {}),
    ];
    const expected = await ask();
    Object.assign(prototype, pollution);
    try {
      expect(await ask()).toEqual(expected);
      const missing = await errorOf(() => executor.topK([1, 0], matrix, {} as never));
      const ran = await executor.run({ operation: 'top-k', query: [1, 0], matrix, k: 2 }, {});
      expect(ran.ok && ran.value.output).toEqual(expected[0]);
      const made = await executor.matrix([[1, 0]], {});
      expect(Object.keys(made)).not.toContain('expectedUses');
      const other = await createExecutor();
      await other.close();
      expect(String(missing)).toContain('k: expected an integer of at least 1, got undefined');
    } finally {
      for (const name of Object.keys(pollution)) Reflect.deleteProperty(prototype, name);
    }
  });
});

describe('run()', () => {
  it('takes arrays of numbers, as the methods named after operations do', async () => {
    const request = { operation: 'top-k', query: [1, 0], matrix, k: 2, candidates: [2, 0] } as const;
    const ran = await executor.run(request);
    expect(ran.ok && ran.value.output).toEqual(await executor.topK([1, 0], matrix, { k: 2, candidates: [2, 0] }));
    const spread = await executor.run({ operation: 'spread-activation', graph, activations: [1, 0] });
    expect(spread.ok && spread.value.output).toEqual(await executor.spreadActivation(graph, [1, 0]));
    const wrong = { operation: 'cosine-similarity', query: ['x', 0], matrix } as never;
    await expect(executor.run(wrong)).rejects.toThrow("query[0]: expected a number, got 'x'");
  });
});

describe('an argument that is missing or still a Promise', () => {
  it.each<[string, () => unknown, string]>([
    [
      'a matrix',
      () => executor.topK([1, 0], executor.matrix([[1, 0]]) as never, { k: 1 }),
      'matrix: expected a matrix',
    ],
    ['a graph', () => executor.spreadActivation(Promise.resolve(graph) as never, [1, 0]), 'graph: expected a graph'],
    ['a query', () => executor.topK(Promise.resolve([1]) as never, matrix, { k: 1 }), 'query: expected'],
    ['values', () => executor.matrix(Promise.resolve([[1]]) as never), 'values: expected'],
    ['a source', () => executor.graph(Promise.resolve({}) as never), 'source: expected'],
    ['a request', () => executor.run(Promise.resolve({}) as never), 'request: expected'],
    ['options', () => executor.topK([1, 0], matrix, Promise.resolve({}) as never), 'options: expected'],
  ])('%s: the error asks for await', async (_, call, message) => {
    const error = await errorOf(call);
    expect(error).toBeInstanceOf(TypeError);
    expect(String(error)).toContain(message);
    expect(String(error)).toContain('got a Promise; is `await` missing?');
  });

  it('is named', async () => {
    const flat = new Float32Array(4);
    await expect(executor.matrix(flat)).rejects.toThrow('dimensions: expected');
    await expect(executor.topK([1, 0], matrix, undefined as never)).rejects.toThrow('k: expected');
    await expect(executor.graph({ edges: [] } as never)).rejects.toThrow('nodes: expected');
    await expect(executor.graph({} as never)).rejects.toThrow('nodes: expected');
  });
});

it('accepts arrays, options and signals of another realm', async () => {
  const realm = runInNewContext('({ Float32Array, Uint32Array, SharedArrayBuffer, Array, Object, JSON })') as {
    Float32Array: Float32ArrayConstructor;
    Uint32Array: Uint32ArrayConstructor;
    SharedArrayBuffer: SharedArrayBufferConstructor;
    JSON: JSON;
  };
  const shared = new realm.Float32Array(new realm.SharedArrayBuffer(16));
  shared.set([1, 0, 0, 1]);
  const adopted = await executor.matrix(shared, { dimensions: 2, adopt: true });
  const rows = await executor.matrix(realm.JSON.parse('[[1, 0], [0, 1]]') as number[][]);
  const { signal } = new AbortController();
  const polyfill = { aborted: false, reason: undefined, addEventListener() {}, removeEventListener() {} };
  for (const made of [adopted, rows]) {
    for (const query of [new realm.Float32Array([0, 1]), realm.JSON.parse('[0, 1]') as number[]]) {
      const options = { k: 1, candidates: new realm.Uint32Array([1]) };
      expect([...(await executor.topK(query, made, { ...options, signal })).indices]).toEqual([1]);
      expect([...(await executor.topK(query, made, { ...options, signal: polyfill as never })).indices]).toEqual([1]);
      expect([...executor.topKSync(query, made, realm.JSON.parse('{"k":1}') as { k: number }).indices]).toEqual([1]);
    }
  }
  const parts = {
    nodes: 1,
    rowPointers: new realm.Uint32Array(2),
    columns: new realm.Uint32Array(0),
    weights: new realm.Float32Array(0),
  };
  const made = await executor.graph(parts, { adopt: true });
  expect([...(await executor.spreadActivation(made, new realm.Float32Array([2])))]).toEqual([0]);
  const output = new realm.Float32Array(2);
  const ran = await executor.run({ operation: 'cosine-similarity', query: [1, 0], matrix: rows }, { output });
  expect(ran.ok && [...output]).toEqual([1, 0]);
});
