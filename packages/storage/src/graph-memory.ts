import type { CsrGraph, NativeRows } from '@gearshift/contracts';
import { createControl, createFixed } from './shared-memory.js';

export type GraphArrays = Pick<CsrGraph, 'rowPointers' | 'columns' | 'weights'>;

/** The only version of a stored graph. */
export const GRAPH_VERSION = 1;

/** The memory of a stored graph, shared by all threads. Nothing of it changes but the control block. */
export interface StoredEdges {
  readonly control: Int32Array;
  /** Row pointers, columns and weights, each from a multiple of {@link ALIGNMENT_BYTES} on. */
  readonly arrays: SharedArrayBuffer;
  /** Number of edges. */
  readonly edges: number;
}

/** Of a cache line, which is also the longest vector of a CPU. */
const ALIGNMENT_BYTES = 64;

/** @throws RangeError when there is no memory for it */
export function createGraphMemory(nodes: number, edges: number, native: NativeRows | undefined): StoredEdges {
  const { byteLength } = layoutOf(nodes, edges);
  return { control: createControl(), arrays: createFixed('edges', byteLength, native), edges };
}

/** Where each array begins, and the length of all. */
export function layoutOf(nodes: number, edges: number): { columns: number; weights: number; byteLength: number } {
  const columns = aligned((nodes + 1) * 4);
  const weights = columns + aligned(edges * 4);
  return { columns, weights, byteLength: weights + edges * 4 };
}

export function graphArrays({ arrays, edges }: StoredEdges, nodes: number): GraphArrays {
  const { columns, weights } = layoutOf(nodes, edges);
  return {
    rowPointers: new Uint32Array(arrays, 0, nodes + 1),
    columns: new Uint32Array(arrays, columns, edges),
    weights: new Float32Array(arrays, weights, edges),
  };
}

function aligned(byteLength: number): number {
  return Math.ceil(byteLength / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
}
