import { describe, expect, it } from 'vitest';
import { StoredGraph, StoredMatrix, type GraphHandle, type StoredHandle } from '../src/index.js';

// What only claims to be posted by another thread gives an error that names the wrong part, before any memory is read by it.

const graph = StoredGraph.create(3, 2, {}, ({ rowPointers }) => rowPointers.fill(2, 2));
const matrix = StoredMatrix.create(4, { dimensions: 2 }, (values) => values.fill(1));
const graphHandle = structuredClone(graph) as unknown as GraphHandle;
const matrixHandle = structuredClone(matrix) as unknown as StoredHandle;

const ordinary = new Int32Array(1024);
const short = new Int32Array(new SharedArrayBuffer(64));
const view = new Int32Array(new SharedArrayBuffer(8192), 0, 1024);
const unsigned = new Uint32Array(new SharedArrayBuffer(4096));
const control = (word: number, value: number) => {
  const changed = graphHandle.stored.control.slice();
  const shared = new Int32Array(new SharedArrayBuffer(4096));
  shared.set(changed);
  shared[word] = value;
  return shared;
};
/** A control block with another header of its first version. */
function header(fields: readonly number[]): Int32Array {
  const shared = new Int32Array(new SharedArrayBuffer(4096));
  shared.set(matrixHandle.stored.control);
  new Float64Array(shared.buffer).set(fields, 8);
  return shared;
}
const companion = {
  description: new Uint8Array(4),
  version: 1,
  rows: 4,
  offsets: [0],
  capacity: 4,
  memory: new SharedArrayBuffer(8192),
};
const CONTROL = 'expected an Int32Array over a SharedArrayBuffer of 4096 bytes';

function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return undefined;
}

function expectRefusal(call: () => unknown, type: unknown, message: string): void {
  const error = thrownBy(call);
  expect(error).toBeInstanceOf(type);
  expect(String(error)).toContain(message);
}

describe('the handle of a graph', () => {
  it('is accepted as it was posted', () => {
    expect(StoredGraph.attach(graphHandle, {}).nodes).toBe(3);
  });

  it.each([
    [{ id: -1 }, RangeError, 'graph.id: expected an integer of at least 0, got -1'],
    [{ id: 'x' }, TypeError, 'graph.id: expected an integer'],
    [{ version: 2 }, RangeError, 'graph.version: expected 1'],
    [{ nodes: 2.5 }, RangeError, 'graph.nodes: expected an integer'],
    [{ nodes: null }, TypeError, 'graph.nodes: expected an integer'],
    [{ nodes: 2 ** 32 }, RangeError, 'graph.nodes: expected an integer'],
    [{ nodes: 40 }, RangeError, 'graph.stored.arrays: expected 264 bytes for 40 nodes and 2 edges, got 136'],
    [{ expectedUses: -1 }, RangeError, 'graph.expectedUses: expected a number of uses'],
    [{ stored: undefined }, TypeError, 'graph.stored: expected an object, got undefined'],
    [{ stored: 5 }, TypeError, 'graph.stored: expected an object, got 5'],
    [{ stored: {} }, TypeError, 'graph.stored.edges: expected an integer'],
  ])('is refused with %o', (change, type, message) => {
    expectRefusal(() => StoredGraph.attach({ ...graphHandle, ...change } as never, {}), type, message);
  });

  it.each([
    [{ edges: -1 }, RangeError, 'graph.stored.edges: expected an integer'],
    [{ edges: 2 ** 32 }, RangeError, 'graph.stored.edges: expected an integer'],
    [{ edges: 3 }, RangeError, 'graph.stored.arrays: expected 140 bytes for 3 nodes and 3 edges, got 136'],
    [{ edges: 0 }, RangeError, 'graph.stored.arrays: expected 64 bytes for 3 nodes and 0 edges, got 136'],
    [{ arrays: new ArrayBuffer(136) }, TypeError, 'graph.stored.arrays: expected a SharedArrayBuffer'],
    [{ arrays: new SharedArrayBuffer(8) }, RangeError, 'graph.stored.arrays: expected 136 bytes'],
    [{ arrays: null }, TypeError, 'graph.stored.arrays: expected a SharedArrayBuffer, got null'],
    [{ control: ordinary }, TypeError, `graph.stored.control: ${CONTROL}`],
    [{ control: short }, TypeError, `graph.stored.control: ${CONTROL}`],
    [{ control: view }, TypeError, `graph.stored.control: ${CONTROL}`],
    [{ control: unsigned }, TypeError, `graph.stored.control: ${CONTROL}`],
    [{ control: undefined }, TypeError, `graph.stored.control: ${CONTROL}`],
    [{ control: control(1, 40) }, RangeError, 'graph.stored.control: expected that of a stored graph'],
  ])('is refused with the memory %o', (change, type, message) => {
    const handle = { ...graphHandle, stored: { ...graphHandle.stored, ...change } };
    expectRefusal(() => StoredGraph.attach(handle as never, {}), type, message);
  });

  it('has every property read once, so that a getter cannot change it after the check', () => {
    let reads = 0;
    const stored = {
      ...graphHandle.stored,
      get arrays() {
        reads += 1;
        return reads === 1 ? graphHandle.stored.arrays : new SharedArrayBuffer(4);
      },
    };
    expect(StoredGraph.attach({ ...graphHandle, stored }, {}).rowPointers).toHaveLength(4);
    expect(reads).toBe(1);
  });
});

describe('the handle of a matrix', () => {
  it('is accepted as it was posted', () => {
    expect([...StoredMatrix.attach(matrixHandle, {}).row(3)]).toEqual([1, 1]);
    const coded = { ...matrixHandle, stored: { ...matrixHandle.stored, companion } };
    expect(StoredMatrix.attach(coded, {}).stored.companion).toEqual(companion);
  });

  it.each([
    [{ id: 1.5 }, RangeError, 'matrix.id: expected an integer'],
    [{ dimensions: 0 }, RangeError, 'matrix.dimensions: expected an integer of at least 1, got 0'],
    [{ dimensions: undefined }, TypeError, 'matrix.dimensions: expected an integer'],
    [{ dimensions: 3 }, RangeError, 'matrix.stored.bytesPerRow: expected 12 for 3 dimensions, got 8'],
    [{ dtype: 'int8' }, RangeError, 'matrix.stored.bytesPerRow: expected 2 for 2 dimensions, got 8'],
    [{ dtype: 'float8' }, RangeError, 'matrix.dtype: expected one of'],
    [{ scale: 2 }, RangeError, "matrix.scale: expected none, because only 'int8' has a scale, got 2"],
    [{ companion: 'x' }, RangeError, 'matrix.companion: expected one of'],
    [{ expectedUses: 'x' }, TypeError, 'matrix.expectedUses: expected a number of uses'],
    [{ stored: null }, TypeError, 'matrix.stored: expected an object, got null'],
    [{ stored: {} }, RangeError, 'matrix.stored.bytesPerRow: expected 8 for 2 dimensions, got undefined'],
  ])('is refused with %o', (change, type, message) => {
    expectRefusal(() => StoredMatrix.attach({ ...matrixHandle, ...change } as never, {}), type, message);
  });

  it.each([
    [{ bytesPerRow: 4 }, RangeError, 'matrix.stored.bytesPerRow: expected 8'],
    [{ rows: new SharedArrayBuffer(8) }, RangeError, 'matrix.stored.rows: expected the bytes of 4 rows, got 8'],
    [{ rows: new ArrayBuffer(32) }, TypeError, 'matrix.stored.rows: expected a SharedArrayBuffer'],
    [{ heads: new SharedArrayBuffer(6) }, TypeError, 'matrix.stored.heads: expected a growable SharedArrayBuffer'],
    [{ stamps: 5 }, TypeError, 'matrix.stored.stamps: expected a growable SharedArrayBuffer, got 5'],
    [{ log: null }, TypeError, 'matrix.stored.log: expected a growable SharedArrayBuffer, got null'],
    [{ removed: {} }, TypeError, 'matrix.stored.removed: expected a growable SharedArrayBuffer'],
    [{ removals: undefined }, TypeError, 'matrix.stored.removals: expected a growable SharedArrayBuffer'],
    [{ control: ordinary }, TypeError, `matrix.stored.control: ${CONTROL}`],
    [{ control: short }, TypeError, `matrix.stored.control: ${CONTROL}`],
    [{ control: header([1.5, 4, 0]) }, RangeError, 'matrix.stored.control: expected that of a stored matrix'],
    [{ control: header([1, NaN, 0]) }, RangeError, 'matrix.stored.control: expected that of a stored matrix'],
    [{ control: header([1, 4, -1]) }, RangeError, 'matrix.stored.control: expected that of a stored matrix'],
    [{ control: header([1, 5, 0]) }, RangeError, 'matrix.stored.rows: expected the bytes of 5 rows, got 32'],
    [{ companion: 5 }, TypeError, 'matrix.stored.companion: expected an object, got 5'],
    [{ companion: {} }, TypeError, 'matrix.stored.companion.description: expected a Uint8Array'],
    [{ companion: { ...companion, offsets: 0 } }, TypeError, 'companion.offsets: expected an array of numbers, got 0'],
    [{ companion: { ...companion, offsets: [0, -1] } }, RangeError, 'companion.offsets[1]: expected an integer'],
    [{ companion: { ...companion, rows: 1.5 } }, RangeError, 'companion.rows: expected an integer'],
    [{ companion: { ...companion, capacity: -1 } }, RangeError, 'companion.capacity: expected an integer'],
    [{ companion: { ...companion, version: 0 } }, RangeError, 'companion.version: expected an integer of at least 1'],
    [{ companion: { ...companion, memory: new ArrayBuffer(8) } }, TypeError, 'companion.memory: expected a Shared'],
  ])('is refused with the memory %o', (change, type, message) => {
    const handle = { ...matrixHandle, stored: { ...matrixHandle.stored, ...change } };
    expectRefusal(() => StoredMatrix.attach(handle as never, {}), type, message);
  });
});
