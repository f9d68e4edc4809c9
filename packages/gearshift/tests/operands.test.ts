import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { err, markChanged, unwrap, type Operand } from '@gearshift/contracts';
import { createFakeGpuBackend, createOracleBackend } from '@gearshift/testing';
import { createExecutor, type Executor } from '../src/index.js';

let executor: Executor;
beforeAll(async () => {
  executor = await createExecutor({ backends: ['cpu'] });
});
afterAll(() => executor.close());

const FLAT = Float32Array.of(1, 0, 0, 1, 3, 4);

function post<T>(value: T): T {
  const { port1, port2 } = new MessageChannel();
  port1.postMessage(value);
  const received = receiveMessageOnPort(port2) as { message: T };
  port1.close();
  return received.message;
}

describe('matrix', () => {
  it('is made of a flat array, or of rows that are arrays or typed arrays', async () => {
    const made = [
      await executor.matrix(FLAT, { dimensions: 2 }),
      await executor.matrix([[1, 0], [0, 1], [3, 4]]), // prettier-ignore
      await executor.matrix([Float64Array.of(1, 0), Float32Array.of(0, 1), Int8Array.of(3, 4)], { dimensions: 2 }),
    ];
    for (const { rows, dimensions, values } of made)
      expect({ rows, dimensions, values }).toEqual({ rows: 3, dimensions: 2, values: FLAT });
    expect(new Set(made.map(({ id }) => id)).size).toBe(3);
  });

  it('has its own copy in shared memory, so that the source may change', async () => {
    const source = FLAT.slice();
    const matrix = await executor.matrix(source, { dimensions: 2 });
    source.fill(9);
    expect(matrix.values).toEqual(FLAT);
    expect(matrix.values.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect([...(await executor.cosineSimilarity([1, 0], matrix)).map(Math.fround)]).toEqual(
      [1, 0, 0.6].map(Math.fround),
    );
  });

  it('uses the source itself with adopt', async () => {
    const matrix = await executor.matrix(FLAT, { dimensions: 2, adopt: true });
    expect(matrix.values).toBe(FLAT);
  });

  it('gives new answers after markChanged()', async () => {
    const matrix = await executor.matrix(FLAT.slice(), { dimensions: 2, adopt: true });
    matrix.values.set([0, 5]);
    markChanged(matrix);
    expect((await executor.cosineSimilarity([0, 1], matrix))[0]).toBe(1);
  });

  it('refuses markChanged(), because update() announces changes itself', async () => {
    const matrix = await executor.matrix(FLAT, { dimensions: 2 });
    expect(() => markChanged(matrix)).toThrow(/a stored matrix is changed with its update\(\)/);
  });

  it('is sent to another thread as a handle without its rows, which requests accept', async () => {
    const matrix = await executor.matrix(FLAT, { dimensions: 2 });
    const received = post(matrix);
    expect(Object.keys(received).sort()).toEqual(['dimensions', 'id', 'rows', 'stored', 'version']);
    await matrix.update(0, [0, 7]);
    expect((await executor.topK([3, 4], received, { k: 1 })).indices[0]).toBe(2);
    expect((await executor.cosineSimilarity([0, 1], received))[0]).toBe(1);
    expect(executor.attach(received).row(0)).toEqual(new Float32Array([0, 7]));
    await matrix[Symbol.asyncDispose]();
    await expect(executor.topK([3, 4], received, { k: 1 })).rejects.toThrow(new TypeError('matrix is disposed'));
  });

  it.each([
    [FLAT, {}, TypeError, 'dimensions: expected the number of elements per row of a Float32Array, got undefined'],
    [FLAT, { dimensions: 4 }, RangeError, 'values: expected a whole number of rows of 4 dimensions, got 6 elements'],
    [FLAT, { dimensions: 0 }, RangeError, 'dimensions: expected an integer of at least 1, got 0'],
    [FLAT, { dimensions: 2, adopt: 'yes' }, TypeError, "adopt: expected a boolean, got 'yes'"],
    [FLAT, { dimensions: 2, signal: 5 }, TypeError, 'signal: expected an AbortSignal, got 5'],
    [FLAT, null, TypeError, 'options: expected an object, got null'],
    [FLAT, { dimensions: 2, pin: 'yes' }, TypeError, "pin: expected a boolean, got 'yes'"],
    [[[1, 2]], { pin: 'yes' }, TypeError, "pin: expected a boolean, got 'yes'"],
    [null, {}, TypeError, 'values: expected a Float32Array or an array of rows, got null'],
    [{ length: '1' }, {}, TypeError, 'values: expected a Float32Array or an array of rows, got an object'],
    [[null], {}, TypeError, 'values[0]: expected a row of numbers, got null'],
    [
      [[1, 2]],
      { adopt: true },
      TypeError,
      'values: expected a Float32Array, because adopt is true, got an array of 1 elements',
    ],
    [[], {}, RangeError, 'dimensions: expected the number of elements per row, because values is empty'],
    [[[]], {}, RangeError, 'dimensions: expected an integer of at least 1, got 0'],
    [[[1, 2], [3]], {}, RangeError, 'values[1]: expected a row of 2 elements, got 1'], // prettier-ignore
    [[[1, 2]], { dimensions: 3 }, RangeError, 'values[0]: expected a row of 3 elements, got 2'],
    [[[1, 2], 3], {}, TypeError, 'values[1]: expected a row of numbers, got 3'],
    [[[1, 2], [3, '4']], {}, TypeError, "values[1][1]: expected a number, got '4'"], // prettier-ignore
    [[1, 2], {}, TypeError, 'values[0]: expected a row of numbers, got 1'],
    [
      Float64Array.of(1, 2),
      { dimensions: 2 },
      TypeError,
      'values: expected a Float32Array or an array of rows, got Float64Array',
    ],
    ['12', { dimensions: 2 }, TypeError, "values: expected a Float32Array or an array of rows, got '12'"],
    [undefined, undefined, TypeError, 'values: expected a Float32Array or an array of rows, got undefined'],
  ])('is not made of %o with the options %o', async (values, options, type, message) => {
    const made = executor.matrix(values as never, options as never);
    await expect(made).rejects.toThrow(type);
    await expect(made).rejects.toThrow(message);
  });
});

describe('an abort while the resident copy is made', () => {
  /** A CPU backend that finishes the copy and reports the abort afterwards. */
  function createAbortingBackend(controller: AbortController, reason: unknown, releases = true) {
    const { makeResident, residency, release } = createFakeGpuBackend();
    const copied: Operand[] = [];
    const backend = {
      ...createOracleBackend('cpu'),
      residency,
      ...(releases ? { release } : {}),
      async makeResident(operand: Operand) {
        unwrap(await makeResident(operand));
        copied.push(operand);
        controller.abort(reason);
        return err({ kind: 'aborted', message: 'the copy was aborted', backend: 'cpu' } as const);
      },
    };
    const keptBytes = () => copied.map((operand) => residency(operand).residentBytes);
    return { backend, keptBytes };
  }

  it.each([
    ['matrix', (on: Executor, signal: AbortSignal) => on.matrix(FLAT, { dimensions: 2, signal })],
    ['graph', (on: Executor, signal: AbortSignal) => on.graph({ nodes: 2, edges: [[0, 1]] }, { signal })],
  ])('%s() throws the reason of the signal and releases the copy', async (_name, make) => {
    const controller = new AbortController();
    const reason = new Error('no longer needed');
    const { backend, keptBytes } = createAbortingBackend(controller, reason);
    await using aborting = await createExecutor({ backends: [backend] });
    await expect(make(aborting, controller.signal)).rejects.toBe(reason);
    expect(keptBytes()).toEqual([0]);
  });

  it('throws an AbortError with the message of the backend if there is no signal', async () => {
    const { backend, keptBytes } = createAbortingBackend(new AbortController(), undefined);
    await using aborting = await createExecutor({ backends: [backend] });
    const made = aborting.matrix([[1, 0]]);
    await expect(made).rejects.toBeInstanceOf(DOMException);
    await expect(made).rejects.toMatchObject({ name: 'AbortError', message: 'the copy was aborted' });
    expect(keptBytes()).toEqual([0]);
  });

  it('throws the reason of the signal if the backend has no release() either', async () => {
    const controller = new AbortController();
    const reason = new Error('no longer needed');
    const { backend } = createAbortingBackend(controller, reason, false);
    await using aborting = await createExecutor({ backends: [backend] });
    await expect(aborting.matrix([[1, 0]], { signal: controller.signal })).rejects.toBe(reason);
  });
});

describe('a CPU backend', () => {
  it('may lack resident copies', async () => {
    await using oracle = await createExecutor({ backends: [createOracleBackend('cpu')] });
    const matrix = await oracle.matrix([[1, 0]]);
    expect([...(await oracle.cosineSimilarity([1, 0], matrix))]).toEqual([1]);
  });

  it('may run out of memory for the resident copy of a matrix', async () => {
    const error = { kind: 'out-of-memory', message: 'no memory for the copy', backend: 'cpu' } as const;
    const backend = { ...createOracleBackend('cpu'), makeResident: () => Promise.resolve(err(error)) };
    await using full = await createExecutor({ backends: [backend] });
    const matrix = await full.matrix([[1, 0]], { signal: new AbortController().signal });
    expect([...(await full.cosineSimilarity([1, 0], matrix))]).toEqual([1]);
  });
});

describe('graph', () => {
  const PARTS = {
    nodes: 2,
    rowPointers: Uint32Array.of(0, 0, 1),
    columns: Uint32Array.of(0),
    weights: Float32Array.of(0.5),
  };

  it('is made of edges or of arrays in compressed-row form, copied into shared memory or adopted', async () => {
    const edges = new Set([[0, 1, 0.5]] as const);
    for (const graph of [await executor.graph({ nodes: 2, edges }), await executor.graph(PARTS)]) {
      expect(graph).toMatchObject(PARTS);
      for (const array of [graph.rowPointers, graph.columns, graph.weights]) {
        expect(array.buffer).toBeInstanceOf(SharedArrayBuffer);
      }
    }
    const adopted = await executor.graph(PARTS, { adopt: true });
    expect(adopted.weights).toBe(PARTS.weights);
    expect(adopted.columns).toBe(PARTS.columns);
  });

  it.each([
    [null, {}, 'source: expected an object, got null'],
    [{ nodes: 2, edges: 5 }, {}, 'edges: expected an iterable of [from, to, weight], got 5'],
    [{ nodes: 2, edges: [[0, 2]] }, {}, 'edges[0] to: expected an integer from 0 to 1, got 2'],
    [
      { nodes: 2, edges: [] },
      { adopt: true },
      'adopt: expected arrays in compressed-row form, got a list of edges; to fix it: leave out adopt',
    ],
    [{ ...PARTS, nodes: 3 }, {}, 'rowPointers: expected 4 elements (nodes + 1), got 3'],
    [{ ...PARTS, columns: Uint32Array.of(2) }, {}, 'columns[0]: expected a node below 2, got 2'],
    [PARTS, { adopt: 1 }, 'adopt: expected a boolean, got 1'],
    [PARTS, { pin: 1 }, 'pin: expected a boolean, got 1'],
    [PARTS, { expectedUses: -1 }, 'expectedUses: expected '],
    [{ nodes: 2, edges: null }, {}, 'edges: expected an iterable of [from, to, weight], got null'],
  ])('is not made of %o with the options %o', async (source, options, message) => {
    await expect(executor.graph(source as never, options as never)).rejects.toThrow(message);
  });
});

describe('expectedUses', () => {
  const usesOf = async (options: { expectedUses?: number; pin?: boolean }) => {
    const operands = [
      await executor.matrix(FLAT, { dimensions: 2, ...options }),
      await executor.matrix([[1, 0]], options),
      await executor.graph({ nodes: 2, edges: [[0, 1]] }, options),
    ];
    return operands.map((operand) => ('expectedUses' in operand ? operand.expectedUses : 'absent'));
  };

  it('is absent from an operand by default', async () => {
    expect(await usesOf({})).toEqual(['absent', 'absent', 'absent']);
    expect(await usesOf({ pin: false })).toEqual(['absent', 'absent', 'absent']);
  });

  it('is the given number, and infinite for a pinned operand', async () => {
    expect(await usesOf({ expectedUses: 12 })).toEqual([12, 12, 12]);
    expect(await usesOf({ expectedUses: 12, pin: true })).toEqual([Infinity, Infinity, Infinity]);
  });
});

describe('disposal of an operand', () => {
  it('makes later requests throw, and may be repeated', async () => {
    const matrix = await executor.matrix(FLAT, { dimensions: 2 });
    const graph = await executor.graph({ nodes: 2, edges: [[0, 1]] });
    for (const operand of [matrix, graph, matrix]) await operand[Symbol.asyncDispose]();
    await expect(executor.topK([1, 0], matrix, { k: 1 })).rejects.toThrow(new TypeError('matrix is disposed'));
    expect(() => executor.topKSync([1, 0], matrix, { k: 1 })).toThrow(new TypeError('matrix is disposed'));
    await expect(executor.spreadActivation(graph, [1, 0])).rejects.toThrow(new TypeError('graph is disposed'));
    expect(() => ({ ...matrix })).toThrow('matrix is disposed');
    expect(() => structuredClone({ ...graph })).toThrow('graph is disposed');
  });

  it('also works when the operand was frozen', async () => {
    const matrix = Object.freeze(await executor.matrix(FLAT, { dimensions: 2 }));
    const graph = Object.freeze(await executor.graph({ nodes: 2, edges: [[0, 1]] }));
    expect([...(await executor.topK([1, 0], matrix, { k: 1 })).indices]).toEqual([0]);
    expect(executor.attach(structuredClone(matrix)).values).toEqual(FLAT);
    for (const operand of [matrix, graph]) await operand[Symbol.asyncDispose]();
    await expect(executor.topK([1, 0], matrix, { k: 1 })).rejects.toThrow(new TypeError('matrix is disposed'));
    await expect(executor.spreadActivation(graph, [1, 0])).rejects.toThrow(new TypeError('graph is disposed'));
  });

  it('does not affect requests under way', async () => {
    const matrix = await executor.matrix(new Float32Array(3000 * 512).fill(1), { dimensions: 512 });
    const running = executor.topK(new Float32Array(512).fill(1), matrix, { k: 2 });
    await matrix[Symbol.asyncDispose]();
    expect([...(await running).indices]).toEqual([0, 1]);
  });
});

describe('a request with wrong arguments', () => {
  const calls: [string, (e: Executor) => Promise<unknown>, string][] = [
    ['a query of strings', async (e) => e.topK(['1', 0] as never, await e.matrix([[1, 0]]), { k: 1 }), "query[0]: expected a number, got '1'"],
    ['no query', async (e) => e.cosineSimilarity(undefined as never, await e.matrix([[1, 0]])), 'query: expected a Float32Array or an array of numbers, got undefined'],
    ['a query of other dimensions', async (e) => e.cosineSimilarity([1], await e.matrix([[1, 0]])), 'query has 1 values but the matrix has 2 dimensions'],
    ['no matrix', (e) => e.cosineSimilarity([1], null as never), 'matrix: expected an object, got null'],
    ['no options of a top-k', async (e) => e.topK([1, 0], await e.matrix([[1, 0]]), undefined as never), 'k: expected an integer of at least 1, got undefined'],
    ['k = 0', async (e) => e.topK([1, 0], await e.matrix([[1, 0]]), { k: 0 }), 'k: expected an integer of at least 1, got 0'],
    ['null as the options of a top-k', async (e) => e.topK([1, 0], await e.matrix([[1, 0]]), null as never), 'options: expected an object, got null'],
    ['a number as the options of a top-k', async (e) => e.topK([1, 0], await e.matrix([[1, 0]]), 5 as never), 'options: expected an object, got 5'],
    ['an unknown metric', async (e) => e.topK([1, 0], await e.matrix([[1, 0]]), { k: 1, metric: 'cos' as never }), "metric: expected one of cosine, dot, euclidean, got 'cos'"],
    ['a negative candidate', async (e) => e.topK([1, 0], await e.matrix([[1, 0]]), { k: 1, candidates: [-1] }), 'candidates[0]: expected a row number, got -1'],
    ['a candidate beyond the rows', async (e) => e.topK([1, 0], await e.matrix([[1, 0]]), { k: 1, candidates: [1] }), 'candidates[0]: expected a row in [0, 1), got 1'],
    ['candidates that are a number', async (e) => e.topK([1, 0], await e.matrix([[1, 0]]), { k: 1, candidates: 3 as never }), 'candidates: expected a Uint32Array or an array of row numbers, got 3'],
    ['too few activations', async (e) => e.spreadActivation(await e.graph({ nodes: 2, edges: [] }), [1]), 'activations: expected 2 elements (one per node), got 1'],
    ['a range beyond the rows', async (e) => e.cosineSimilarity([1, 0], await e.matrix([[1, 0]]), { end: 2 }), 'end: expected an integer from 0 to 1, got 2'],
    ['a signal that is a number', async (e) => e.cosineSimilarity([1, 0], await e.matrix([[1, 0]]), { signal: 5 as never }), 'signal: expected an AbortSignal, got 5'],
  ]; // prettier-ignore
  it.each(calls)('throws for %s', async (_name, call, message) => {
    await expect(call(executor)).rejects.toThrow(message);
  });
});
