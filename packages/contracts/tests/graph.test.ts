import { describe, expect, test } from 'vitest';
import { isGraph } from '../src/internal.js';
import {
  createGraph,
  graphFromEdges,
  prepareOperand,
  prepareSpreadActivation,
  type CsrParts,
  type Edge,
} from '../src/index.js';

describe('graphFromEdges', () => {
  test('sorts edges by receiver and keeps their order per receiver', () => {
    const graph = graphFromEdges(4, [
      [0, 2, 0.5],
      [1, 0],
      [3, 2, 2],
      [0, 2, 0.25],
    ]);
    expect([...graph.rowPointers]).toEqual([0, 1, 1, 4, 4]);
    expect([...graph.columns]).toEqual([1, 0, 3, 0]);
    expect([...graph.weights]).toEqual([1, 0.5, 2, 0.25]);
    expect(graph).toMatchObject({ nodes: 4, version: 1 });
  });

  test('accepts any iterable, no edges and no nodes', () => {
    const edges = function* (): Generator<Edge> {
      yield [0, 1];
    };
    expect([...graphFromEdges(2, edges()).columns]).toEqual([0]);
    expect([...graphFromEdges(3, []).rowPointers]).toEqual([0, 0, 0, 0]);
    expect([...graphFromEdges(0, []).rowPointers]).toEqual([0]);
  });

  test.each([
    [-1, [], RangeError, 'nodes: expected an integer from 0 to 4294967294, got -1'],
    [2 ** 32, [], RangeError, 'nodes: expected an integer from 0 to 4294967294, got 4294967296'],
    ['2', [], TypeError, "nodes: expected an integer from 0 to 4294967294, got '2'"],
    [
      2,
      [
        [0, 1],
        [2, 0],
      ],
      RangeError,
      'edges[1] from: expected an integer from 0 to 1, got 2',
    ],
    [2, [[0, -1]], RangeError, 'edges[0] to: expected an integer from 0 to 1, got -1'],
    [2, [[0, 0.5]], RangeError, 'edges[0] to: expected an integer from 0 to 1, got 0.5'],
    [2, [[undefined, 0]], TypeError, 'edges[0] from: expected an integer from 0 to 1, got undefined'],
    [2, [null], TypeError, 'edges[0]: expected an edge [from, to, weight], got null'],
    [2, [[0, 1], 7], TypeError, 'edges[1]: expected an edge [from, to, weight], got 7'],
    [2, [[0, 1, '1']], TypeError, "edges[0] weight: expected a number, got '1'"],
  ])('refuses %o nodes with edges %o', (nodes, edges, error, message) => {
    const create = () => graphFromEdges(nodes as never, edges as never);
    expect(create).toThrow(error);
    expect(create).toThrow(message);
  });
});

describe('createGraph', () => {
  const parts = (changes: object = {}): CsrParts => ({
    nodes: 2,
    rowPointers: Uint32Array.of(0, 1, 3),
    columns: Uint32Array.of(1, 0, 1),
    weights: Float32Array.of(1, 2, 3),
    ...changes,
  });

  test('wraps the arrays without copying them', () => {
    const given = parts();
    const graph = createGraph(given);
    expect(graph).toMatchObject({ nodes: 2, version: 1 });
    expect(graph.rowPointers).toBe(given.rowPointers);
    expect(graph.columns).toBe(given.columns);
    expect(graph.weights).toBe(given.weights);
  });

  test.each([
    [undefined, TypeError, 'nodes: expected an integer'],
    [parts({ nodes: 3 }), RangeError, 'rowPointers: expected 4 elements (nodes + 1), got 3'],
    [parts({ weights: new Float32Array(2) }), RangeError, 'weights: expected 3 elements (one per column), got 2'],
    [parts({ rowPointers: Uint32Array.of(1, 1, 3) }), RangeError, 'rowPointers[0]: expected 0, got 1'],
    [parts({ rowPointers: Uint32Array.of(0, 3, 2) }), RangeError, 'rowPointers[2]: expected at least 3, got 2'],
    [
      parts({ rowPointers: Uint32Array.of(0, 1, 2) }),
      RangeError,
      'rowPointers[2]: expected 3 (the number of edges), got 2',
    ],
    [parts({ columns: Uint32Array.of(1, 0, 2) }), RangeError, 'columns[2]: expected a node below 2, got 2'],
    [parts({ columns: [1, 0, 1] }), TypeError, 'columns: expected a Uint32Array, got an array of 3 elements'],
    [parts({ rowPointers: null }), TypeError, 'rowPointers: expected a Uint32Array, got null'],
    [
      parts({ weights: new Float64Array(3) }),
      TypeError,
      'weights: expected a Float32Array, got Float64Array of 3 elements',
    ],
  ])('refuses %o', (given, error, message) => {
    const create = () => createGraph(given as never);
    expect(create).toThrow(error);
    expect(create).toThrow(message);
  });
});

describe('a graph with arrays that its class has', () => {
  const graph = graphFromEdges(2, [[0, 1]]);
  /** As a stored graph: its arrays are not own properties. */
  class Stored {
    readonly id = 7;
    readonly version = 1;
    readonly nodes = 2;
    get rowPointers() {
      return graph.rowPointers;
    }
    get columns() {
      return graph.columns;
    }
    get weights() {
      return graph.weights;
    }
  }

  test('is a graph, unlike a matrix under a polluted Object.prototype', () => {
    expect(isGraph(new Stored())).toBe(true);
    const prepared = prepareOperand(new Stored());
    expect(prepared).toMatchObject({ id: 7, nodes: 2, columns: graph.columns });
    const prototype = Object.prototype as { rowPointers?: unknown };
    prototype.rowPointers = graph.rowPointers;
    try {
      expect(isGraph({ rows: 1 })).toBe(false);
      expect(isGraph(graph)).toBe(true);
    } finally {
      delete prototype.rowPointers;
    }
  });

  test('gives an error that names the fix when it arrived in another thread without its arrays', () => {
    const { id, version, nodes } = graph;
    const request = { operation: 'spread-activation', activations: new Float32Array(2) } as const;
    const prepare = () => prepareSpreadActivation({ ...request, graph: { id, version, nodes, stored: {} } as never });
    expect(prepare).toThrow(TypeError);
    expect(prepare).toThrow('graph: this is a copy of a stored graph, without its edges; pass the graph itself');
  });
});
