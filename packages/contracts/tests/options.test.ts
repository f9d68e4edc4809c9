import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import {
  createGraph,
  createMatrix,
  graphFromEdges,
  markChanged,
  prepareCosineSimilarity,
  prepareRequest,
  prepareSpreadActivation,
  prepareTopK,
} from '../src/index.js';
import { checkOptions, optionNames, own, readOptions } from '../src/internal.js';

interface Colours {
  readonly windowSize?: number | undefined;
  readonly maxChunkItems?: number | undefined;
  readonly adopt?: boolean | undefined;
}
const NAMES = optionNames<Colours>({ windowSize: true, maxChunkItems: true, adopt: true });

describe('readOptions', () => {
  test('returns a copy that a polluted Object.prototype does not reach', () => {
    const prototype = Object.prototype as Record<string, unknown>;
    prototype['adopt'] = true;
    try {
      const options: Colours = readOptions('options', { windowSize: 3 }, NAMES);
      expect(options.windowSize).toBe(3);
      expect(options.adopt).toBeUndefined();
      expect((readOptions('options', undefined, NAMES) as Colours).adopt).toBeUndefined();
    } finally {
      delete prototype['adopt'];
    }
  });

  test('reads an option that is not enumerable, and a getter once', () => {
    let reads = 0;
    const options = Object.defineProperty({}, 'windowSize', { get: () => ++reads });
    expect(readOptions<Colours>('options', options, NAMES).windowSize).toBe(1);
  });

  test.each([
    [
      'adpot',
      "options: 'adpot' is not an option; did you mean 'adopt'? The options are windowSize, maxChunkItems, adopt",
    ],
    ['maxChunkSize', "did you mean 'maxChunkItems'?"],
    ['window', "did you mean 'windowSize'?"],
    ['WINDOWSIZE', "did you mean 'windowSize'?"],
    ['__proto__', "options: '__proto__' is not an option"],
    ['x'.repeat(100_000), 'is not an option'],
  ])('refuses the misspelt option %.20s, also with the value undefined', (name, message) => {
    const options = Object.defineProperty({}, name, { value: undefined, enumerable: true });
    expect(() => readOptions('options', options, NAMES)).toThrow(TypeError);
    expect(() => readOptions('options', options, NAMES)).toThrow(message);
  });

  test('accepts an object without a prototype and one of another realm', () => {
    for (const options of [
      Object.assign(Object.create(null) as object, { adopt: true }),
      runInNewContext('({ adopt: true })') as object,
    ]) {
      expect(readOptions<Colours>('options', options, NAMES)).toEqual({ adopt: true });
    }
  });

  class Defaults {
    adopt = true;
  }
  test.each([
    ['a class instance', new Defaults()],
    ['an object that inherits from another', Object.create({ adopt: true })],
    ['an object that inherits from one without a prototype', Object.create(Object.create(null) as object)],
    ['a class instance of another realm', runInNewContext('new (class { adopt = true })')],
    ['an array', []],
    ['a Map', new Map([['adopt', true]])],
    ['a Promise', Promise.resolve({})],
    ['null', null],
    ['a string', 'adopt'],
    ['a function', () => ({})],
  ])('refuses %s as options', (_, options) => {
    const message =
      /^options: expected (a plain object \(copy the properties into one, because inherited ones are not read\)|an object), got /;
    expect(() => readOptions('options', options as object, NAMES)).toThrow(TypeError);
    expect(() => readOptions('options', options as object, NAMES)).toThrow(message);
    expect(() => checkOptions('options', options as object, NAMES)).toThrow(message);
  });
});

test('own reads no inherited property', () => {
  expect(own({ a: 1 }, 'a')).toBe(1);
  expect(own(Object.create({ a: 1 }) as { a?: number }, 'a')).toBeUndefined();
});

describe('misspelt, inherited and repeated arguments of the contracts', () => {
  const matrix = createMatrix(new Float32Array(6), { dimensions: 2 });
  const graph = graphFromEdges(3, [[0, 1]]);
  const topK = { operation: 'top-k', query: new Float32Array(2), matrix, k: 1 } as const;
  const cosine = { operation: 'cosine-similarity', query: new Float32Array(2), matrix } as const;
  const spread = { operation: 'spread-activation', graph, activations: new Float32Array(3) } as const;

  test.each([
    [() => prepareTopK({ ...topK, filter: [5] } as never), "request: 'filter' is not an option"],
    [() => prepareTopK({ ...topK, metrik: 'dot' } as never), "did you mean 'metric'?"],
    [() => prepareCosineSimilarity({ ...cosine, from: 1 } as never), "request: 'from' is not an option"],
    [() => prepareSpreadActivation({ ...spread, hop: 2 } as never), "did you mean 'hops'?"],
    [() => prepareRequest({ ...spread, treshold: 2 } as never), "did you mean 'threshold'?"],
    [() => createMatrix(new Float32Array(2), { dimension: 2 } as never), "did you mean 'dimensions'?"],
    [() => createGraph({ ...graph, weight: [] } as never), "did you mean 'weights'?"],
    [() => markChanged(matrix, { from: 1 } as never), "rows: 'from' is not an option"],
    [() => prepareTopK(Object.create(topK) as never), 'request: expected a plain object'],
    [() => markChanged(matrix, Object.create({ start: 1 }) as never), 'rows: expected a plain object'],
  ])('refuses case %#', (call, message) => {
    expect(call).toThrow(TypeError);
    expect(call).toThrow(message);
  });

  test('wraps the arrays of a graph again', () => {
    expect(createGraph(graph)).toMatchObject({ nodes: 3, version: 1 });
  });

  test('ignores operand hints of a polluted Object.prototype', () => {
    const pollution = { expectedUses: Infinity, companion: 'int8', changes: [], rowPointers: [], dimensions: 3 };
    const prototype = Object.prototype as Record<string, unknown>;
    Object.assign(prototype, pollution);
    try {
      const made = createMatrix(new Float32Array(4), { dimensions: 2 });
      const prepared = prepareTopK({ ...topK, matrix: made });
      expect(Object.hasOwn(made, 'expectedUses')).toBe(false);
      expect(prepared.matrix).toMatchObject({ expectedUses: undefined, companion: undefined, changes: undefined });
      expect(() => createMatrix(new Float32Array(6), {} as never)).toThrow('dimensions: expected an integer');
    } finally {
      for (const name of Object.keys(pollution)) Reflect.deleteProperty(prototype, name);
    }
  });

  test.each([
    [[2, 1, 2], 'candidates[2]: row 2 is already candidates[0]'],
    [[0, 0], 'candidates[1]: row 0 is already candidates[0]'],
    [[0, 1, 2, 1], 'candidates[3]: row 1 is already candidates[1]'],
  ])('refuses the repeated candidates %o', (rows, message) => {
    expect(() => prepareTopK({ ...topK, candidates: Uint32Array.from(rows) })).toThrow(new RangeError(message));
  });

  test('finds a repeated candidate among few rows of a large matrix, and no other', () => {
    const large = createMatrix(new Float32Array(4_000_000), { dimensions: 1 });
    const request = { operation: 'top-k', query: new Float32Array(1), matrix: large, k: 1 } as const;
    const candidates = Uint32Array.from({ length: 1000 }, (_, i) => (i * 2_654_435) % 4_000_000).reverse();
    expect(prepareTopK({ ...request, candidates }).candidates).toBe(candidates);
    candidates[999] = candidates[17];
    expect(() => prepareTopK({ ...request, candidates })).toThrow(
      new RangeError(`candidates[999]: row ${candidates[17]} is already candidates[17]`),
    );
  });

  test('says that await is missing when an operand is a Promise', () => {
    const promise = Promise.resolve(matrix);
    expect(() => prepareTopK({ ...topK, matrix: promise as never })).toThrow(
      new TypeError('matrix: expected a matrix, got a Promise; is `await` missing?'),
    );
    expect(() => prepareSpreadActivation({ ...spread, graph: promise as never })).toThrow(
      new TypeError('graph: expected a graph, got a Promise; is `await` missing?'),
    );
    expect(() => prepareTopK({ ...topK, query: promise as never })).toThrow(
      new TypeError('query: expected a Float32Array, got a Promise; is `await` missing?'),
    );
  });
});

test('accepts arrays of another realm in operands, requests and outputs', () => {
  const realm = runInNewContext('({ Float32Array, Uint32Array })') as {
    Float32Array: Float32ArrayConstructor;
    Uint32Array: Uint32ArrayConstructor;
  };
  const matrix = createMatrix(new realm.Float32Array([1, 0, 0, 1]), { dimensions: 2 });
  const query = new realm.Float32Array([1, 0]);
  const candidates = new realm.Uint32Array([1]);
  expect(prepareTopK({ operation: 'top-k', query, matrix, k: 1, candidates }).count).toBe(1);
  expect(prepareCosineSimilarity({ operation: 'cosine-similarity', query, matrix }).queries).toBe(1);
  const graph = createGraph({
    nodes: 1,
    rowPointers: new realm.Uint32Array(2),
    columns: new realm.Uint32Array(0),
    weights: new realm.Float32Array(0),
  });
  const activations = new realm.Float32Array(1);
  expect(prepareSpreadActivation({ operation: 'spread-activation', graph, activations }).outputLength).toBe(1);
});
