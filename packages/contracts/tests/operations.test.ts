import { describe, expect, test } from 'vitest';
import {
  createMatrix,
  graphFromEdges,
  markChanged,
  OPERATIONS,
  prepareCosineSimilarity,
  prepareRequest,
  prepareSpreadActivation,
  prepareTopK,
  type OperationRequest,
  type PreparedRequest,
  type VectorMatrix,
} from '../src/index.js';
import { operationOf } from '../src/internal.js';
import { PreparedTopK } from '../src/operations/top-k.js';

const matrix = () => createMatrix(Float32Array.of(1, 2, 3, 4, 5, 6), { dimensions: 2 });
const query = () => Float32Array.of(1, 2, 3, 4);
const cosine = () =>
  prepareCosineSimilarity({ operation: 'cosine-similarity', query: query(), queries: 2, matrix: matrix() });
const topK = (changes = {}) =>
  prepareTopK({ operation: 'top-k', query: query(), queries: 2, matrix: matrix(), k: 2, metric: 'dot', ...changes });
const spread = () =>
  prepareSpreadActivation({
    operation: 'spread-activation',
    graph: graphFromEdges(3, [[0, 1]]),
    activations: Float32Array.of(1, 2, 3),
    decay: 0.5,
    retention: 2,
    threshold: 0.25,
  });

/** A copy that is not prepared. */
const copyOf = <T extends object, C extends object>(request: T, changes: C): T & C =>
  Object.assign({}, request, changes);

function detach(view: Float32Array | Uint32Array): void {
  structuredClone(view.buffer, { transfer: [view.buffer as ArrayBuffer] });
}

describe('operationOf', () => {
  test('returns each of OPERATIONS under its own name', () => {
    expect(OPERATIONS.map((operation) => operationOf({ operation }).name)).toEqual([...OPERATIONS]);
  });

  test('refuses property names of Object.prototype', () => {
    for (const operation of ['toString', '__proto__', 'constructor']) {
      expect(() => operationOf({ operation })).toThrow(
        new RangeError(`operation: expected cosine-similarity, top-k or spread-activation, got '${operation}'`),
      );
    }
  });

  test('returns the operand and the number of items of a request', () => {
    const candidates = Uint32Array.of(2, 0);
    const requests = [cosine(), topK(), topK({ candidates }), topK({ start: 1 }), spread()];
    expect(requests.map((request) => operationOf(request).itemsOf(request))).toEqual([3, 3, 2, 2, 3]);
    for (const request of requests) {
      const operand = request.operation === 'spread-activation' ? request.graph : request.matrix;
      expect(operationOf(request).operandOf(request)).toBe(operand);
    }
  });
});

describe('operation.part()', () => {
  test('returns the request that a caller would have made for these items', () => {
    const { graph, activations, hops, decay, retention, threshold } = spread();
    const whole = topK({ start: 1 });
    const pairs: [OperationRequest, number, number, OperationRequest][] = [
      [cosine(), 1, 3, copyOf(cosine(), { start: 1, end: 3 })],
      [whole, 1, 2, copyOf(topK(), { start: 2, end: 3 })],
      [
        topK({ candidates: Uint32Array.of(2, 0, 1), end: 3 }),
        1,
        3,
        copyOf(topK(), { candidates: Uint32Array.of(0, 1), end: 3 }),
      ],
      [
        spread(),
        0,
        1,
        {
          operation: 'spread-activation',
          graph,
          activations,
          hops,
          decay,
          retention,
          threshold,
          start: 0,
          end: 1,
        },
      ],
    ];
    for (const [request, start, end, expectedRequest] of pairs) {
      const prepared = prepareRequest(request);
      const part = operationOf(prepared).part(prepared, start, end);
      const operands = { matrix: expect.anything(), graph: expect.anything() };
      expect(copyOf(part, operands)).toEqual(copyOf(prepareRequest(expectedRequest), operands));
      expect(operationOf(part).operandOf(part)).toBe(operationOf(prepared).operandOf(prepared));
      // A backend does not check the part again.
      expect(prepareRequest(part)).toBe(part);
    }
  });

  test('throws when a buffer was detached since the request was checked', () => {
    const pairs: [PreparedRequest, string][] = [
      [cosine(), 'query'],
      [cosine(), 'matrix.values'],
      [topK(), 'query'],
      [topK(), 'matrix.values'],
      [topK({ candidates: Uint32Array.of(0, 1) }), 'candidates'],
      [spread(), 'activations'],
      [spread(), 'graph.rowPointers'],
      [spread(), 'graph.columns'],
      [spread(), 'graph.weights'],
    ];
    for (const [request, name] of pairs) {
      const [first, second] = name.split('.');
      const argument = (request as unknown as Record<string, Record<string, Float32Array> & Float32Array>)[first];
      detach(second === undefined ? argument : argument[second]);
      expect(() => operationOf(request).part(request, 0, 1)).toThrow(
        new TypeError(`${name}: its buffer was detached or shrank below it`),
      );
    }
  });
});

describe('operation outputs', () => {
  test('createOutput and outputLike create outputs that requireOutput accepts', () => {
    for (const request of [cosine(), topK(), spread()]) {
      const operation = operationOf(request);
      const output = operation.createOutput(request);
      expect(operation.requireOutput(request, output)).toBe(output);
      const other = operation.outputLike(output);
      expect(operation.requireOutput(request, other)).toBe(other);
      expect(other).not.toBe(output);
    }
  });

  test('copyOutput copies the written elements and nothing behind them', () => {
    const scores = cosine();
    const target = new Float32Array(6);
    operationOf(scores).copyOutput(scores, Float32Array.of(1, 2, 3, 4, 5, 6), target);
    expect(target).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6));

    const request = topK();
    const from = { indices: Uint32Array.of(1, 2, 3, 4, 9), scores: Float32Array.of(5, 6, 7, 8, 9), count: 2 };
    const to = { indices: new Uint32Array(5), scores: new Float32Array(4), count: 0 };
    operationOf(request).copyOutput(request, from, to);
    expect(to).toEqual({ indices: Uint32Array.of(1, 2, 3, 4, 0), scores: Float32Array.of(5, 6, 7, 8), count: 2 });
  });

  test('missingIn reports the entries of a cleared output that was not written', () => {
    const request = topK();
    const operation = operationOf(request);
    const output = operation.createOutput(request);
    expect(operation.missingIn(request, output)).toBeUndefined();
    operation.clearOutput(output);
    expect(operation.missingIn(request, output)).toBe('0 entries per query where the request has 2');
    for (const scores of [cosine(), spread()]) {
      const written = operationOf(scores).createOutput(scores);
      operationOf(scores).clearOutput(written);
      expect(operationOf(scores).missingIn(scores, written)).toBeUndefined();
    }
  });
});

describe('preparing a matrix that was checked before', () => {
  const prepare = (given: VectorMatrix) =>
    prepareCosineSimilarity({ operation: 'cosine-similarity', query: query(), queries: 2, matrix: given });

  test('does not copy the matrix again until it changes', () => {
    const given = matrix();
    const first = prepare(given).matrix;
    expect(prepare(given).matrix).toBe(first);
    expect(prepare({ ...given }).matrix).toBe(first);
    markChanged(given, { start: 0, end: 1 });
    const second = prepare(given).matrix;
    expect(second).toMatchObject({ version: 2, changes: [{ version: 2, start: 0, end: 1 }] });
    expect(first).toMatchObject({ version: 1 });
  });

  test.each([
    [{ id: 1.5 }, 'matrix.id: expected an integer of at least 0, got 1.5'],
    [{ version: -1 }, 'matrix.version: expected an integer of at least 0, got -1'],
    [{ rows: 2 }, 'matrix.values: expected 4 elements (2 rows of 2), got 6'],
    [{ rows: 6, dimensions: 0 }, 'matrix.dimensions: expected an integer of at least 1, got 0'],
    [{ expectedUses: -1 }, 'matrix.expectedUses: expected a number of uses from 0 up, got -1'],
    [{ companion: 'int4' }, "matrix.companion: expected one of auto, none, codes, float16, int8, got 'int4'"],
  ])('checks the matrix again with %o', (changes, message) => {
    const given = matrix();
    prepare(given);
    expect(() => prepare({ ...given, ...(changes as object) })).toThrow(message);
  });

  test('refuses the matrix once its buffer is detached', () => {
    const given = matrix();
    prepare(given);
    detach(given.values);
    expect(() => prepare(given)).toThrow(new TypeError('matrix.values: its buffer was detached or shrank below it'));
  });

  test('returns a checked copy that cannot be changed', () => {
    expect(() => Object.assign(prepare(matrix()).matrix, { rows: 9 })).toThrow(TypeError);
  });

  test('takes the checked copy as it is', () => {
    const checked = prepare(matrix()).matrix;
    expect(prepare(checked).matrix).toBe(checked);
  });

  test('checks a copy of the checked copy, and an object that inherits from it', () => {
    const checked = prepare(matrix()).matrix;
    expect(() => prepare({ ...checked, rows: 2 })).toThrow('matrix.values: expected 4 elements');
    const heir = Object.create(checked, { dimensions: { value: 0 } }) as VectorMatrix;
    expect(() => prepare(heir)).toThrow('matrix.dimensions: expected an integer of at least 1, got 0');
  });

  test('refuses the checked copy once its buffer is detached', () => {
    const checked = prepare(matrix()).matrix;
    detach(checked.values as Float32Array);
    expect(() => prepare(checked)).toThrow(new TypeError('matrix.values: its buffer was detached or shrank below it'));
  });
});

test('checks an object that only inherits from a prepared request', () => {
  const forged = Object.assign(Object.create(PreparedTopK.prototype) as object, copyOf(topK(), { k: 0 }));
  expect(() => prepareTopK(forged as never)).toThrow('k: expected an integer of at least 1, got 0');
});

test('refuses a matrix without an id with an error that names it', () => {
  const matrix = { rows: 1, dimensions: 2, values: new Float32Array(2) } as unknown as VectorMatrix;
  const request = { operation: 'top-k', query: new Float32Array(2), matrix, k: 1 } as const;
  expect(() => prepareTopK(request)).toThrow('matrix.id: expected an integer of at least 0, got undefined');
});
