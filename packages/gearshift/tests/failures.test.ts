import { describe, expect, it } from 'vitest';
import { BACKEND_ERROR_KINDS, type BackendErrorKind, type Operand } from '@gearshift/contracts';
import { createFakeGpuBackend, type FakeGpuBackend } from '@gearshift/testing';
import {
  AllDevicesFailedError,
  createExecutor,
  DeadlineExceededError,
  thresholdPolicy,
  type Executor,
} from '../src/index.js';

const ROWS = [
  [1, 0],
  [0, 1],
];
const fakeGpu = (kind?: BackendErrorKind) => createFakeGpuBackend({ script: () => kind ?? 'success' });
const operations = (gpu: FakeGpuBackend) => gpu.calls.map(({ operation }) => operation);
const eager = () => thresholdPolicy({ gpuMinBatchSize: 0 });

/** The value that a call throws, or undefined. */
async function thrownBy(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
}

describe('a GPU backend', () => {
  it('that runs out of memory is replaced by the CPU, and its failures count as its own', async () => {
    const gpu = fakeGpu('out-of-memory');
    await using executor = await createExecutor({ backends: [gpu, 'cpu'], policy: eager() });
    const matrix = await executor.matrix(ROWS);
    expect((await executor.topK([0, 1], matrix, { k: 1 })).indices[0]).toBe(1);
    // First both rows, then one of them; a chunk of one row cannot be halved.
    expect(operations(gpu)).toEqual(['top-k', 'top-k']);
    const { cpuCount, successRate, oomCount, decisions } = executor.snapshot('top-k');
    expect({ cpuCount, successRate, oomCount }).toEqual({ cpuCount: 1, successRate: 0, oomCount: 2 });
    expect(decisions.calibrating).toBe(1);
  });

  it('that works gives the same answers as the CPU', async () => {
    const gpu = fakeGpu();
    await using executor = await createExecutor({ backends: [gpu, 'cpu'], policy: eager() });
    const matrix = await executor.matrix(ROWS);
    expect([...(await executor.cosineSimilarity([0, 1], matrix))]).toEqual([0, 1]);
    const graph = await executor.graph({ nodes: 2, edges: [[0, 1]] });
    expect([...(await executor.spreadActivation(graph, [1, 0], { decay: 1 }))]).toEqual([0, 1]);
    expect(operations(gpu)).toEqual(['cosine-similarity', 'spread-activation']);
    expect(executor.backends().map(({ id }) => id)).toEqual(['fake:0', 'cpu']);
  });

  it('releases a disposed matrix once, and stays open when the executor is closed', async () => {
    const gpu = fakeGpu();
    const released: number[] = [];
    const release = (operand: Operand) => {
      released.push(operand.id);
      gpu.release(operand);
    };
    const executor = await createExecutor({ backends: [{ ...gpu, release }, 'cpu'] });
    const matrix = await executor.matrix(ROWS);
    const operand = { ...matrix.pin() };
    expect((await gpu.makeResident(operand)).ok).toBe(true);
    expect(gpu.residency(operand).residentBytes).toBe(16);
    await matrix[Symbol.asyncDispose]();
    await matrix[Symbol.asyncDispose]();
    expect(gpu.residency(operand).residentBytes).toBe(0);
    expect(released).toEqual([matrix.id]);
    await executor.close();
    expect((await gpu.makeResident(operand)).ok).toBe(true);
  });

  it('that hangs does not outlast the signal of the caller', async () => {
    const gpu = createFakeGpuBackend({ script: ['hang'] });
    await using executor = await createExecutor({ backends: [gpu, 'cpu'], policy: eager() });
    const matrix = await executor.matrix(ROWS);
    const signal = AbortSignal.timeout(10);
    expect(await thrownBy(executor.topK([0, 1], matrix, { k: 1, signal }))).toMatchObject({ name: 'TimeoutError' });
    expect((await executor.topK([0, 1], matrix, { k: 1 })).indices[0]).toBe(1);
  });
});

describe('when every allowed device fails', () => {
  const kinds = BACKEND_ERROR_KINDS.filter((kind) => kind !== 'aborted' && kind !== 'invalid-input');
  it.each(kinds)(
    'with %s, the methods named after operations throw an error with the attempts as plain data',
    async (kind) => {
      await using executor = await createExecutor({
        backends: [fakeGpu(kind), 'cpu'],
        policy: eager(),
        fallback: 'never',
      });
      const matrix = await executor.matrix(ROWS);
      const graph = await executor.graph({ nodes: 2, edges: [] });
      const errors = await Promise.all(
        [
          executor.topK([0, 1], matrix, { k: 1 }),
          executor.cosineSimilarity([0, 1], matrix),
          executor.spreadActivation(graph, [0, 1]),
        ].map(thrownBy),
      );
      const failure = `fake:0: ${kind} (scripted)`;
      for (const error of errors) {
        if (!(error instanceof AllDevicesFailedError)) throw new Error('expected an AllDevicesFailedError');
        expect(error).toMatchObject({
          name: 'AllDevicesFailedError',
          kind,
          // After running out of memory, the device is tried once more with half of the rows.
          message: `no device succeeded after ${kind === 'out-of-memory' ? `${failure}; ${failure}` : failure}`,
          attempts: Array.from({ length: kind === 'out-of-memory' ? 2 : 1 }, () => ({
            backend: 'fake:0',
            outcome: kind,
          })),
          cause: { kind, decision: { backend: 'fake:0' }, cause: { kind, backend: 'fake:0' } },
        });
        expect(structuredClone(error.cause)).toEqual(error.cause);
      }
    },
  );

  it('run() returns the error', async () => {
    await using executor = await createExecutor({
      backends: [fakeGpu('fault')],
      policy: eager(),
    });
    const matrix = await executor.matrix(ROWS);
    const result = await executor.run({ operation: 'top-k', query: Float32Array.of(0, 1), matrix, k: 1 });
    expect(result).toMatchObject({ ok: false, error: { kind: 'fault', attempts: [{ backend: 'fake:0' }] } });
  });

  it('because there is no CPU backend, synchronous calls throw', async () => {
    await using executor = await createExecutor({ backends: [fakeGpu()] });
    const matrix = await executor.matrix(ROWS);
    expect(() => executor.topKSync([0, 1], matrix, { k: 1 })).toThrow(AllDevicesFailedError);
  });

  it('with invalid-input, the caller gets a TypeError', async () => {
    await using executor = await createExecutor({ backends: [fakeGpu('invalid-input')], policy: eager() });
    const matrix = await executor.matrix(ROWS);
    const error = await thrownBy(executor.cosineSimilarity([0, 1], matrix));
    expect(error).toBeInstanceOf(TypeError);
    expect(error).toMatchObject({ cause: { kind: 'invalid-input' } });
  });
});

describe('a deadline', () => {
  it('that passes throws a DeadlineExceededError with the attempts', async () => {
    const gpu = createFakeGpuBackend({ script: ['hang'] });
    await using executor = await createExecutor({ backends: [gpu, 'cpu'], policy: eager() });
    const matrix = await executor.matrix(ROWS);
    // Long enough for a busy machine to begin the attempt.
    const error = await thrownBy(executor.topK([0, 1], matrix, { k: 1, deadlineMs: 500 }));
    if (!(error instanceof DeadlineExceededError)) throw new Error('expected a DeadlineExceededError');
    expect(error).toMatchObject({
      name: 'DeadlineExceededError',
      kind: 'deadline-exceeded',
      attempts: [{ backend: 'fake:0' }],
      cause: { kind: 'deadline-exceeded' },
    });
    expect(error.message).toBe(error.cause.message);
  });
});

describe('abort', () => {
  async function abortEach(executor: Executor, signal: AbortSignal) {
    const matrix = await executor.matrix(ROWS);
    const graph = await executor.graph({ nodes: 2, edges: [] });
    return [
      await thrownBy(executor.topK([0, 1], matrix, { k: 1, signal })),
      await thrownBy(executor.cosineSimilarity([0, 1], matrix, { signal })),
      await thrownBy(executor.spreadActivation(graph, [0, 1], { signal })),
      await thrownBy(executor.matrix(ROWS, { signal })),
      await thrownBy(executor.graph({ nodes: 2, edges: [] }, { signal })),
    ];
  }

  it('without a reason throws an AbortError', async () => {
    await using executor = await createExecutor({ backends: ['cpu'] });
    for (const thrown of await abortEach(executor, AbortSignal.abort())) {
      expect(thrown).toBeInstanceOf(DOMException);
      expect(thrown).toMatchObject({ name: 'AbortError' });
    }
  });

  it('with a reason throws the reason', async () => {
    const reason = new Error('changed my mind');
    for (const backend of ['cpu', fakeGpu()] as const) {
      await using executor = await createExecutor({ backends: [backend] });
      for (const thrown of await abortEach(executor, AbortSignal.abort(reason))) expect(thrown).toBe(reason);
    }
  });

  it('during a request ends it', async () => {
    await using executor = await createExecutor({ backends: ['cpu'] });
    const matrix = await executor.matrix(new Float32Array(40_000 * 512).fill(1), { dimensions: 512 });
    const controller = new AbortController();
    // Seconds of work: a busy machine may keep this thread from the abort while others do the work.
    const queries = 4000;
    const query = new Float32Array(queries * 512).fill(1);
    const running = thrownBy(executor.topK(query, matrix, { k: 1, queries, signal: controller.signal }));
    setTimeout(() => controller.abort(), 5);
    expect(await running).toMatchObject({ name: 'AbortError' });
  });
});
