import { afterEach, describe, expect, it } from 'vitest';
import {
  createMatrix,
  DECISION_REASONS,
  graphFromEdges,
  type PartialAnswer,
  type VectorMatrix,
} from '@gearshift/contracts';
import { createFakeGpuBackend } from '@gearshift/testing';
import {
  createExecutor,
  createTracker,
  NO_ROW,
  pinnedPolicy,
  RowSet,
  thresholdPolicy,
  type Executor,
} from '../src/index.js';

const ROWS = [
  [1, 0],
  [0.6, 0.8],
  [0, 1],
  [-1, 0],
];

const open: Executor[] = [];
afterEach(async () => {
  for (const executor of open.splice(0)) await executor.close();
});
async function cpuExecutor(options = {}) {
  const executor = await createExecutor({ backends: ['cpu'], ...options });
  open.push(executor);
  return executor;
}

const rounded = (scores: Float32Array) => Array.from(scores, (score) => Math.round(score * 1e4) / 1e4);

describe('the methods named after operations', () => {
  it('score every row, for a query as an array or a Float32Array', async () => {
    const executor = await cpuExecutor();
    const matrix = await executor.matrix(ROWS);
    const expected = [0.6, 1, 0.8, -0.6];
    expect(rounded(await executor.cosineSimilarity([3, 4], matrix))).toEqual(expected);
    expect(rounded(await executor.cosineSimilarity(Float32Array.of(3, 4), matrix))).toEqual(expected);
    expect(rounded(executor.cosineSimilaritySync([3, 4], matrix))).toEqual(expected);
  });

  it('take several queries in one array, and a range of rows', async () => {
    const executor = await cpuExecutor();
    const matrix = await executor.matrix(ROWS);
    const queries = Float32Array.of(1, 0, 0, 1);
    expect(rounded(await executor.cosineSimilarity(queries, matrix, { queries: 2, start: 1, end: 3 }))).toEqual([
      0.6, 0, 0.8, 1,
    ]);
    expect(rounded(executor.cosineSimilaritySync(queries, matrix, { queries: 2, start: 1, end: 3 }))).toEqual([
      0.6, 0, 0.8, 1,
    ]);
    const top = await executor.topK(queries, matrix, { k: 1, queries: 2 });
    expect(top).toEqual({ indices: Uint32Array.of(0, 2), scores: Float32Array.of(1, 1), count: 1 });
  });

  it('check the number of queries', async () => {
    const executor = await cpuExecutor();
    const matrix = await executor.matrix(ROWS);
    const query = Float32Array.of(1, 0, 0, 1);
    expect([...(await executor.topK(query, matrix, { k: 1, queries: 2 })).indices]).toEqual([0, 2]);
    expect(executor.cosineSimilaritySync(query, matrix, { queries: 2 })).toHaveLength(8);
    for (const [options, message] of [
      [{ queries: 1 }, 'query has 4 values but the matrix has 2 dimensions; pass queries: 2 for 2 queries'],
      [{}, 'query has 4 values but the matrix has 2 dimensions; pass queries: 2 for 2 queries'],
    ] as const) {
      await expect(executor.cosineSimilarity(query, matrix, options)).rejects.toThrow(message);
      expect(() => executor.cosineSimilaritySync(query, matrix, options)).toThrow(message);
      await expect(executor.topK(query, matrix, { k: 1, ...options })).rejects.toThrow(message);
      expect(() => executor.topKSync(query, matrix, { k: 1, ...options })).toThrow(message);
    }
  });

  it('consider only the rows of where', async () => {
    const executor = await cpuExecutor();
    const matrix = await executor.matrix(ROWS);
    const query = [1, 0];
    for (const where of [RowSet.fromRows([1, 3], 4), { rowCount: 4, words: Uint32Array.of(0b1010) }]) {
      expect([...(await executor.topK(query, matrix, { k: 4, where })).indices]).toEqual([1, 3]);
      expect([...executor.topKSync(query, matrix, { k: 4, where, candidates: [3, 2] }).indices]).toEqual([3]);
      const scores = await executor.cosineSimilarity(query, matrix, { where });
      expect(Array.from(scores, Number.isNaN)).toEqual([true, false, true, false]);
      expect(executor.cosineSimilaritySync(query, matrix, { where })).toEqual(scores);
      const run = await executor.run({ operation: 'top-k', query, matrix, k: 1, where });
      expect(run.ok && [...run.value.output.indices]).toEqual([1]);
    }
    for (const where of [new RowSet(5), [1] as never]) {
      await expect(executor.topK(query, matrix, { k: 1, where })).rejects.toThrow(/^where/);
      expect(() => executor.topKSync(query, matrix, { k: 1, where })).toThrow(/^where/);
      await expect(executor.cosineSimilarity(query, matrix, { where })).rejects.toThrow(/^where/);
      expect(() => executor.cosineSimilaritySync(query, matrix, { where })).toThrow(/^where/);
    }
  });

  it('leave out rows that do not reach minScore, and return arrays of just the others', async () => {
    const executor = await cpuExecutor();
    const matrix = await executor.matrix(ROWS);
    const near = { k: 4, minScore: 0.5 };
    const all = await executor.topK([1, 0], matrix, { k: 4 });
    const count = all.scores.filter((score) => score >= 0.5).length;
    const expected = { indices: all.indices.slice(0, count), scores: all.scores.slice(0, count), count };
    expect(await executor.topK([1, 0], matrix, near)).toEqual(expected);
    expect(executor.topKSync([1, 0], matrix, near)).toEqual(expected);
    const ran = await executor.run({ operation: 'top-k', query: [1, 0], matrix, ...near });
    expect(ran.ok && ran.value.output).toEqual(expected);
    const own = { indices: new Uint32Array(9), scores: new Float32Array(9), count: 0 };
    const reused = await executor.run({ operation: 'top-k', query: [1, 0], matrix, ...near }, { output: own });
    expect(reused.ok && reused.value.output).toBe(own);
    expect(own.count).toBe(count);

    const two = await executor.topK([1, 0, 0, -1], matrix, { ...near, queries: 2 });
    expect(two).toEqual({
      indices: Uint32Array.from([...expected.indices, ...Array<number>(count).fill(NO_ROW)]),
      scores: Float32Array.from([...expected.scores, ...Array<number>(count).fill(NaN)]),
      count,
      counts: Uint32Array.of(count, 0),
    });
    const none = await executor.topK([1, 0], matrix, { k: 2, minScore: 1.5 });
    expect(none).toEqual({ indices: new Uint32Array(0), scores: new Float32Array(0), count: 0 });
    await expect(executor.topK([1, 0], matrix, { k: 2, minScore: NaN })).rejects.toThrow('minScore: expected a number');
    expect(() => executor.topKSync([1, 0], matrix, { k: 2, minScore: '1' as never })).toThrow(TypeError);
  });

  it('rank by any metric, among candidates as an array or a Uint32Array', async () => {
    const executor = await cpuExecutor();
    const matrix = await executor.matrix(ROWS);
    for (const [options, indices] of [
      [{ k: 2 }, [2, 1]],
      [{ k: 2, metric: 'dot' }, [2, 1]],
      [{ k: 4, metric: 'euclidean' }, [2, 1, 0, 3]],
      [{ k: 2, candidates: [3, 0] }, [0, 3]],
      [{ k: 2, candidates: Uint32Array.of(3, 0) }, [0, 3]],
      [{ k: 9, start: 2 }, [2, 3]],
    ] as const) {
      expect([...(await executor.topK([0, 2], matrix, options)).indices]).toEqual(indices);
      expect([...executor.topKSync([0, 2], matrix, options).indices]).toEqual(indices);
    }
  });

  it('spread activation with the given options', async () => {
    const executor = await cpuExecutor();
    const edges = [
      [0, 1],
      [1, 2, 0.5],
    ] as const;
    const graph = await executor.graph({ nodes: 3, edges });
    const options = { hops: 2, decay: 1, retention: 0.5 };
    expect([...(await executor.spreadActivation(graph, [1, 0, 0], options))]).toEqual([0.25, 1, 0.5]);
    expect([...executor.spreadActivationSync(graph, [1, 0, 0], options)]).toEqual([0.25, 1, 0.5]);
    expect([...(await executor.spreadActivation(graph, [1, 0, 0], { decay: 1 }))]).toEqual([0, 1, 0]);
    expect([...(await executor.spreadActivation(graph, [1, 0, 0], { decay: 1, threshold: 2 }))]).toEqual([0, 0, 0]);
    expect([...(await executor.spreadActivation(graphFromEdges(3, edges), [1, 0, 0], { decay: 1 }))]).toEqual([
      0, 1, 0,
    ]);
  });

  it('take a matrix that another function made', async () => {
    const executor = await cpuExecutor();
    const matrix = createMatrix(Float32Array.of(1, 0, 0, 1), { dimensions: 2 });
    expect([...(await executor.cosineSimilarity([0, 2], matrix))]).toEqual([0, 1]);
  });

  it('return nothing for an empty matrix', async () => {
    const executor = await cpuExecutor();
    const matrix = await executor.matrix([], { dimensions: 2 });
    expect(await executor.cosineSimilarity([1, 0], matrix)).toEqual(new Float32Array(0));
    expect(await executor.topK([1, 0], matrix, { k: 3 })).toEqual({
      indices: new Uint32Array(0),
      scores: new Float32Array(0),
      count: 0,
    });
    expect(executor.snapshot('top-k').cpuCount).toBe(0);
  });

  it('return the right answer to each of 500 concurrent requests', async () => {
    const executor = await cpuExecutor();
    const rows = Array.from({ length: 500 }, (_, i) => [Math.cos(i), Math.sin(i), 1]);
    const matrix = await executor.matrix(rows);
    const best = await Promise.all(rows.map((row) => executor.topK(row, matrix, { k: 1 })));
    expect(best.map(({ indices }) => indices[0])).toEqual(rows.map((_, i) => i));
  });
});

describe('run', () => {
  it('returns the decision and the attempts, and writes into the output of the caller', async () => {
    const executor = await cpuExecutor();
    const matrix = await executor.matrix(ROWS);
    const output = new Float32Array(4);
    const result = await executor.run(
      { operation: 'cosine-similarity', query: Float32Array.of(0, 1), matrix },
      { output },
    );
    expect(result).toMatchObject({
      ok: true,
      value: {
        decision: { backend: 'cpu', device: 'cpu', reason: 'no-device', policy: 'adaptive' },
        attempts: [{ backend: 'cpu', outcome: 'success', fallback: false }],
      },
    });
    expect(result.ok && result.value.output).toBe(output);
    expect(output[2]).toBe(1);
  });
});

describe('calibration', () => {
  async function calibrated() {
    const executor = await cpuExecutor();
    const matrix = await executor.matrix(ROWS);
    for (let i = 0; i < 5; i++) await executor.topK([1, 0], matrix, { k: 1 });
    return executor.exportCalibration();
  }

  it('is exported as plain data and imported by a running executor', async () => {
    const calibration = await calibrated();
    expect(JSON.parse(JSON.stringify(calibration))).toEqual(calibration);
    expect(calibration.devices.map(({ id }) => id)).toEqual(['cpu']);
    const executor = await cpuExecutor();
    expect(executor.describe().calibration).toBeNull();
    expect(executor.importCalibration(calibration)).toEqual({ ok: true, value: { taken: ['cpu'], refused: [] } });
    expect(executor.describe().calibration).toBeNull();
  });

  it('is imported at the start, and describe() returns the result', async () => {
    const executor = await cpuExecutor({ calibration: await calibrated() });
    expect(executor.describe().calibration).toEqual({ ok: true, value: { taken: ['cpu'], refused: [] } });
  });
});

describe('updateOptions', () => {
  it('changes the policy for later requests', async () => {
    const gpu = createFakeGpuBackend();
    const executor = await createExecutor({ backends: [gpu, 'cpu'], policy: thresholdPolicy({ forceCpu: true }) });
    open.push(executor);
    const matrix = await executor.matrix(ROWS);
    await executor.topK([1, 0], matrix, { k: 1 });
    expect(gpu.calls).toHaveLength(0);
    executor.updateOptions({ policy: thresholdPolicy({ gpuMinBatchSize: 0 }), fallback: 'never' });
    await executor.topK([1, 0], matrix, { k: 1 });
    expect(gpu.calls).toHaveLength(1);
    expect(executor.describe().fallback).toBe('never');
  });
});

describe('the state of an executor', () => {
  it('snapshot() is a frozen object with measurements and decisions', async () => {
    const executor = await cpuExecutor();
    const matrix = await executor.matrix(ROWS);
    await executor.cosineSimilarity([1, 0], matrix);
    executor.cosineSimilaritySync([1, 0], matrix);
    const snapshot = executor.snapshot('cosine-similarity');
    expect(snapshot).toMatchObject({ cpuCount: 2, speedup: 0, successRate: 1, oomCount: 0 });
    expect(snapshot.decisions).toEqual({
      ...Object.fromEntries(DECISION_REASONS.map((reason) => [reason, 0])),
      'no-device': 1,
      forced: 1,
    });
    expect(Object.isFrozen(snapshot)).toBe(true);
    expect(executor.snapshot('top-k').cpuCount).toBe(0);
  });

  it('backends() and describe() return the devices, the policy and the fallback mode', async () => {
    const executor = await cpuExecutor({ threads: 1, policy: thresholdPolicy({ forceCpu: true }), fallback: 'never' });
    const [cpu] = executor.backends();
    expect(cpu).toMatchObject({ id: 'cpu', kind: 'cpu' });
    expect(executor.describe()).toEqual({
      backends: [{ name: 'cpu', status: 'ready', reason: null, description: cpu }],
      policy: { policy: 'threshold', options: expect.objectContaining({ forceCpu: true }) },
      fallback: 'never',
      calibration: null,
    });
  });

  it('tracker is the one passed in, which executors may share', async () => {
    const tracker = createTracker({ operations: ['cosine-similarity', 'top-k', 'spread-activation'] });
    const [one, two] = [await cpuExecutor({ tracker }), await cpuExecutor({ tracker })];
    const matrix = await one.matrix(ROWS);
    await one.topK([1, 0], matrix, { k: 1 });
    await two.topK([1, 0], matrix, { k: 1 });
    expect(one.tracker).toBe(tracker);
    expect(two.snapshot('top-k').cpuCount).toBe(2);
    expect(two.snapshot('top-k').decisions['no-device']).toBe(1);
  });
});

describe('close', () => {
  it('makes later calls throw, and returns the same promise again', async () => {
    const executor = await createExecutor({ backends: ['cpu'] });
    const matrix = await executor.matrix(ROWS);
    const closing = executor.close();
    expect(executor.close()).toBe(closing);
    await closing;
    const closed = 'executor is closed';
    await expect(executor.topK([1, 0], matrix, { k: 1 })).rejects.toThrow(closed);
    await expect(executor.run({} as never)).rejects.toThrow(closed);
    await expect(executor.matrix(ROWS)).rejects.toThrow(closed);
    await expect(executor.graph({ nodes: 1, edges: [] })).rejects.toThrow(closed);
    expect(() => executor.topKSync([1, 0], matrix, { k: 1 })).toThrow(new TypeError(closed));
    await matrix[Symbol.asyncDispose]();
  });

  it('waits for a request under way', async () => {
    const executor = await createExecutor({ backends: ['cpu'] });
    const matrix = await executor.matrix(new Float32Array(2000 * 512).fill(1), { dimensions: 512 });
    const ended: string[] = [];
    const running = executor.topK(new Float32Array(512).fill(1), matrix, { k: 1 }).then(({ indices }) => {
      ended.push(`request ${indices[0]}`);
    });
    await executor.close().then(() => ended.push('close'));
    await running;
    expect(ended).toEqual(['request 0', 'close']);
  });

  it('waits for a resume() under way', async () => {
    const gpu = createFakeGpuBackend({ latencyMs: 30 });
    const executor = await createExecutor({ backends: [gpu], policy: thresholdPolicy({ gpuMinBatchSize: 0 }) });
    const matrix = await executor.matrix(ROWS);
    const request = { operation: 'cosine-similarity', query: Float32Array.of(1, 0), matrix } as const;
    const partial: PartialAnswer = {
      output: Float32Array.of(1, Math.fround(0.6), 0, 0),
      done: [{ start: 0, end: 2 }],
      remaining: [{ start: 2, end: 4 }],
      attempts: [],
      operation: 'cosine-similarity',
      operand: { id: matrix.id, version: matrix.version },
    };
    const ended: string[] = [];
    const resuming = executor.resume(request, partial).then((result) => {
      ended.push(`resume ${result.ok}`);
    });
    await executor.close().then(() => ended.push('close'));
    await resuming;
    expect(ended).toEqual(['resume true', 'close']);
    expect(gpu.calls.map(({ start, end }) => [start, end])).toEqual([[2, 4]]);
  });

  it.each([
    ['topK()', (executor: Executor, matrix: VectorMatrix) => executor.topK([1, 0], matrix, { k: 1 })],
    [
      'run()',
      (executor: Executor, matrix: VectorMatrix) =>
        executor.run({ operation: 'top-k', query: Float32Array.of(1, 0), matrix, k: 1 }),
    ],
  ])('waits for the slowest of several %s', async (_name, ask) => {
    const latencies = [5, 60, 20];
    const gpu = createFakeGpuBackend({ latencyMs: ({ number }) => latencies[number] });
    const executor = await createExecutor({ backends: [gpu], policy: thresholdPolicy({ gpuMinBatchSize: 0 }) });
    const matrix = await executor.matrix(ROWS);
    const ended: string[] = [];
    const running = latencies.map((ms) => ask(executor, matrix).then(() => ended.push(`request of ${ms} ms`)));
    await executor.close().then(() => ended.push('close'));
    await Promise.all(running);
    expect(ended).toEqual(['request of 5 ms', 'request of 20 ms', 'request of 60 ms', 'close']);
  });

  it('is called by disposal', async () => {
    const executor = await createExecutor({ backends: ['cpu'] });
    await executor[Symbol.asyncDispose]();
    await expect(executor.matrix(ROWS)).rejects.toThrow(TypeError);
  });
});

const TWICE = createFakeGpuBackend();

describe('options', () => {
  it.each([
    [{ memmory: {} }, TypeError, "options: 'memmory' is not an option; did you mean 'memory'?"],
    [{ backends: ['cpu'], memory: 5 }, TypeError, 'memory: expected an object, got 5'],
    [{ backends: ['cpu'], calibration: 'file' }, TypeError, "calibration: expected an object, got 'file'"],
    [null, TypeError, 'options: expected an object, got null'],
    [{ backends: [] }, RangeError, 'backends: expected at least one, got none'],
    [{ backends: 'cpu' }, TypeError, "backends: expected an array of names or backends, got 'cpu'"],
    [{ backends: ['tpu'] }, RangeError, "backends[0]: expected one of cpu, cuda, webgpu, or a backend, got 'tpu'"],
    [{ backends: ['cpu', 'cpu'] }, RangeError, "backends[1]: 'cpu' is listed twice"],
    [{ backends: [TWICE, 'cpu', TWICE] }, RangeError, "backends[2]: 'fake:0' is listed twice"],
    [{ backends: ['cpu', null] }, TypeError, 'backends[1]: expected one of cpu, cuda, webgpu, or a backend, got null'],
    [
      { backends: ['cpu', {}] },
      TypeError,
      'backends[1]: expected one of cpu, cuda, webgpu, or a backend, got an object',
    ],
    [
      { backends: ['cpu', { describe: 5 }] },
      TypeError,
      'backends[1]: expected one of cpu, cuda, webgpu, or a backend, got an object',
    ],
    [{ backends: ['cpu', 7] }, TypeError, 'backends[1]: expected one of cpu, cuda, webgpu, or a backend, got 7'],
    [{ backends: ['cpu'], threads: 0 }, RangeError, 'threads: expected an integer of at least 1, got 0'],
    [{ backends: ['cpu'], fallback: 'gpu' }, RangeError, "fallback: expected one of cpu, never, got 'gpu'"],
    [{ backends: ['cpu'], policy: 'adaptive' }, TypeError, "policy: expected an object, got 'adaptive'"],
    [{ backends: ['cpu'], tracker: {} }, TypeError, 'tracker.snapshot: expected a function, got undefined'],
    [{ backends: ['cpu'], tracker: createTracker({ operations: ['top-k'] }) }, RangeError, 'cosine-similarity'],
    [
      { backends: ['cpu'], tracker: createTracker({ devices: ['primary', 'replica'] }) },
      RangeError,
      "tracker.devices: expected 'cpu' among them, for the backend 'cpu', got primary, replica",
    ],
  ])('%o are refused with a message that names the wrong one', async (options, type, message) => {
    const created = createExecutor(options as never);
    await expect(created).rejects.toThrow(type);
    await expect(created).rejects.toThrow(message);
  });

  it('pinned to a device that does not exist use the CPU, with the reason no-device', async () => {
    const executor = await cpuExecutor({ policy: pinnedPolicy('cuda:0') });
    const matrix = await executor.matrix(ROWS);
    const result = await executor.run({ operation: 'top-k', query: Float32Array.of(1, 0), matrix, k: 1 });
    expect(result.ok && result.value.decision?.reason).toBe('no-device');
  });
});
