import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  StoredGraph,
  StoredMatrix,
  type GraphArrays,
  type GraphHandle,
  type StoredGraphOptions,
} from '../src/index.js';
import { countingNative } from './fixtures/counting-native.js';

const NODES = 3;
const ARRAYS = {
  rowPointers: Uint32Array.of(0, 0, 1, 3),
  columns: Uint32Array.of(0, 1, 0),
  weights: Float32Array.of(0.5, 1, 2),
};
const DISPOSED = new TypeError('graph is disposed');
/** Index of the first pin in the control block. */
const PINS = 64;

function fill({ rowPointers, columns, weights }: GraphArrays): void {
  rowPointers.set(ARRAYS.rowPointers);
  columns.set(ARRAYS.columns);
  weights.set(ARRAYS.weights);
}

const create = (options: StoredGraphOptions = {}) => StoredGraph.create(NODES, 3, options, fill);
const post = (graph: StoredGraph) => structuredClone(graph) as unknown as GraphHandle;
const placesOf = ({ stored: { control } }: Pick<GraphHandle, 'stored'>) =>
  Array.from({ length: 480 }, (_, i) => control[PINS + 2 * i]).filter((owner) => owner !== 0).length;

describe('a stored graph', () => {
  it('holds its arrays in one shared memory, each at the start of a cache line', () => {
    const graph = create();
    expect(graph).toMatchObject({ version: 1, nodes: NODES, ...ARRAYS });
    const arrays = [graph.rowPointers, graph.columns, graph.weights];
    for (const { buffer, byteOffset } of arrays) {
      expect(buffer).toBe(graph.stored.arrays);
      expect(byteOffset % 64).toBe(0);
    }
    expect(graph.stored.arrays).toBeInstanceOf(SharedArrayBuffer);
    expect(graph.stored.arrays.growable).toBe(true);
  });

  it.each([
    [0, 0],
    [1, 0],
    [15, 16],
    [16, 17],
    [1000, 4099],
  ])('has room for %i nodes and %i edges that do not overlap', (nodes, edges) => {
    const graph = StoredGraph.create(nodes, edges, {}, (arrays) => {
      arrays.rowPointers.fill(1);
      arrays.columns.fill(2);
      arrays.weights.fill(3);
    });
    expect(graph.rowPointers).toEqual(new Uint32Array(nodes + 1).fill(1));
    expect(graph.columns).toEqual(new Uint32Array(edges).fill(2));
    expect(graph.weights).toEqual(new Float32Array(edges).fill(3));
  });

  it('gives requests the same plain frozen graph each time', () => {
    const graph = create({ expectedUses: 7 });
    const [first, second] = [graph.acquire(), graph.acquire()];
    expect(second.operand).toBe(first.operand);
    expect(Object.isFrozen(first.operand)).toBe(true);
    expect({ ...first.operand }).toEqual({ id: graph.id, version: 1, nodes: NODES, expectedUses: 7, ...ARRAYS });
    for (const version of [first, second]) version.release();
    const third = graph.acquire();
    expect(third.operand.columns).toBe(first.operand.columns);
    third.release();
  });

  it('asks for huge pages when it is large', () => {
    const advised: number[] = [];
    const { native } = countingNative({ adviseHugePages: ({ byteLength }) => void advised.push(byteLength) });
    StoredGraph.create(10, 10, { native }, () => {});
    expect(advised).toEqual([]);
    const { stored } = StoredGraph.create(10, 2 ** 19, { native }, () => {});
    expect(advised).toEqual([stored.arrays.byteLength]);
  });

  it.each([2 ** 40, 2 ** 52])('of %d edges is refused, because it cannot fit in memory', (edges) => {
    const make = () => StoredGraph.create(2, edges, {}, () => {});
    expect(make).toThrow(RangeError);
    expect(make).toThrow('edges: expected as many as fit in memory');
  });

  it('gives the memory back at once when its edges are refused, as a matrix does with its rows', () => {
    const { dropped, native } = countingNative();
    const wrong = () => {
      throw new RangeError('edges[0]');
    };
    expect(() => StoredGraph.create(NODES, 3, { native }, wrong)).toThrow('edges[0]');
    expect(dropped).toHaveLength(1);
    expect(() => StoredMatrix.create(3, { dimensions: 2, native }, wrong)).toThrow('edges[0]');
    expect(dropped.length).toBeGreaterThan(1);
  });
});

describe('a handle in another thread', () => {
  it('carries no edges, and reads them in place', () => {
    const graph = create({ expectedUses: 3 });
    const handle = post(graph);
    expect(Object.keys(handle).sort()).toEqual(['expectedUses', 'id', 'nodes', 'stored', 'version']);
    expect(Object.keys(post(create())).sort()).toEqual(['id', 'nodes', 'stored', 'version']);
    const attached = StoredGraph.attach(handle, {});
    expect(attached).toMatchObject({ id: graph.id, version: 1, nodes: NODES, expectedUses: 3, ...ARRAYS });
    graph.weights[1] = 9;
    expect(attached.weights[1]).toBe(9);
  });

  it('throws once the owner has disposed the graph', async () => {
    const graph = create();
    const attached = StoredGraph.attach(post(graph), {});
    const late = post(graph);
    await graph[Symbol.asyncDispose]();
    await graph[Symbol.asyncDispose]();
    for (const one of [graph, attached, StoredGraph.attach(late, {})]) {
      expect(() => one.rowPointers).toThrow(DISPOSED);
      expect(() => one.columns).toThrow(DISPOSED);
      expect(() => one.weights).toThrow(DISPOSED);
      expect(() => one.acquire()).toThrow(DISPOSED);
    }
    expect(() => graph.stored).toThrow(DISPOSED);
    expect(() => structuredClone(graph)).toThrow(DISPOSED);
    expect([graph.nodes, graph.version]).toEqual([NODES, 1]);
  });

  it('may arrive twice; disposing one leaves the other and the owner as they were', async () => {
    const graph = create();
    const [first, second] = [StoredGraph.attach(post(graph), {}), StoredGraph.attach(post(graph), {})];
    const version = first.acquire();
    await first[Symbol.asyncDispose]();
    await first[Symbol.asyncDispose]();
    expect(() => first.columns).toThrow(DISPOSED);
    expect(version.operand.columns).toEqual(ARRAYS.columns);
    expect(placesOf(graph)).toBe(1);
    version.release();
    expect(placesOf(graph)).toBe(0);
    expect(second.columns).toEqual(ARRAYS.columns);
    expect(graph.columns).toEqual(ARRAYS.columns);
  });

  it('may be that of a frozen graph, which can be disposed all the same', async () => {
    const graph = create();
    Object.freeze(graph);
    expect(StoredGraph.attach(post(graph), {}).columns).toEqual(ARRAYS.columns);
    await graph[Symbol.asyncDispose]();
    expect(() => graph.columns).toThrow(DISPOSED);
  });
});

describe('the memory of a disposed graph', () => {
  it('is given back at once if no request holds it', async () => {
    const { dropped, guards, native } = countingNative();
    const graph = create({ native });
    graph.acquire().release();
    const { arrays } = graph.stored;
    await graph[Symbol.asyncDispose]();
    expect(dropped).toEqual([arrays]);
    expect(guards.size).toBe(0);
  });

  it('is given back by the last request, in whichever thread it runs', async () => {
    const [here, there] = [countingNative(), countingNative()];
    const graph = create({ native: here.native });
    const { arrays } = graph.stored;
    const attached = StoredGraph.attach(post(graph), { native: there.native });
    const [own, first, second] = [graph.acquire(), attached.acquire(), attached.acquire()];
    await graph[Symbol.asyncDispose]();
    expect(() => attached.acquire()).toThrow(DISPOSED);
    own.release();
    first.release();
    expect([here.dropped, there.dropped]).toEqual([[], []]);
    expect(second.operand.weights).toEqual(ARRAYS.weights);
    second.release();
    expect([here.dropped, there.dropped]).toEqual([[], [arrays]]);
    expect([here.guards.size, there.guards.size]).toEqual([0, 0]);
  });

  describe('when a thread is terminated during a request', () => {
    beforeEach(() => void vi.useFakeTimers());
    afterEach(() => void vi.useRealTimers());

    it('is given back soon after that by the thread that disposed the graph', async () => {
      const { dropped, native } = countingNative();
      const graph = create({ native });
      const { arrays, control } = graph.stored;
      // What the other thread leaves, until native code clears it.
      control.set([4711, 3], PINS + 20);
      await graph[Symbol.asyncDispose]();
      vi.advanceTimersByTime(1000);
      expect(dropped).toEqual([]);
      control.set([0, 0], PINS + 20);
      vi.advanceTimersByTime(1000);
      expect(dropped).toEqual([arrays]);
      expect(vi.getTimerCount()).toBe(0);
    });

    it('is left to the garbage collector when the place of the thread is never given back', async () => {
      const { dropped, native } = countingNative();
      const graph = create({ native });
      graph.stored.control.set([4711, 3], PINS + 20);
      await graph[Symbol.asyncDispose]();
      vi.advanceTimersByTime(1_000_000);
      expect(vi.getTimerCount()).toBe(0);
      expect(dropped).toEqual([]);
    });

    it('is not that of a matrix with a failed compaction', async () => {
      let advised = 0;
      const { dropped, native } = countingNative({
        adviseHugePages() {
          advised += 1;
          if (advised === 2) throw new RangeError('no memory for the compaction');
        },
      });
      const matrix = StoredMatrix.create(2 ** 19, { dimensions: 1, native }, (values) => values.fill(5));
      await expect(matrix.compact()).rejects.toThrow('no memory for the compaction');
      vi.advanceTimersByTime(1_000_000);
      expect(dropped).toEqual([]);
      expect(matrix.row(7)[0]).toBe(5);
    });
  });
});

describe('what devices keep of a graph', () => {
  it('is released when the graph is disposed, and again after a request that was under way', async () => {
    const released: number[] = [];
    const onDispose = ({ id }: { readonly id: number }) => void released.push(id);
    const graph = create({ onDispose });
    const [first, second] = [graph.acquire(), graph.acquire()];
    await graph[Symbol.asyncDispose]();
    await graph[Symbol.asyncDispose]();
    expect(released).toEqual([graph.id]);
    first.release();
    expect(released).toEqual([graph.id]);
    second.release();
    expect(released).toEqual([graph.id, graph.id]);
    const idle = create({ onDispose });
    await idle[Symbol.asyncDispose]();
    expect(released.slice(2)).toEqual([idle.id]);
  });

  it('is released in another thread when that disposes its handle, or finds the graph disposed', async () => {
    const released: string[] = [];
    const graph = create();
    const attach = (name: string) => StoredGraph.attach(post(graph), { onDispose: () => void released.push(name) });
    const [first, second] = [attach('first'), attach('second')];
    await first[Symbol.asyncDispose]();
    expect(released).toEqual(['first']);
    second.acquire().release();
    await graph[Symbol.asyncDispose]();
    for (let use = 0; use < 3; use++) expect(() => second.acquire()).toThrow(DISPOSED);
    expect(released).toEqual(['first', 'second']);
  });
});
