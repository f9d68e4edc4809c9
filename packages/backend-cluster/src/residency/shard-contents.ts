import type { CsrGraph, Operand, VectorMatrix } from '@gearshift/contracts';
import { DTYPE_BYTES, elementsView } from '@gearshift/contracts/internal';
import { formatOf, isMatrix } from '@gearshift/native-kit';
import { contentBytes, type ShardSpec } from '../messages/shard-spec.js';

/** Reads a part of the contents of a shard, as they are pushed; undefined when the memory of the operand is gone. */
export type ContentReader = (at: number, byteLength: number) => Uint8Array | undefined;

/** The contents of a shard: see the worker's `operandOf`. */
export function contentsOf(operand: Operand, spec: ShardSpec): ContentReader {
  return isMatrix(operand) ? matrixReader(operand, spec) : graphReader(operand, spec);
}

function matrixReader(matrix: VectorMatrix, { start }: ShardSpec): ContentReader {
  const { dimensions, snapshot } = matrix;
  const { dtype } = formatOf(matrix);
  const rowBytes = dimensions * DTYPE_BYTES[dtype];
  const row = elementsView(dtype, new ArrayBuffer(rowBytes), 0, dimensions);
  return (at, byteLength) => {
    const { values } = matrix;
    const from = start * rowBytes + at;
    // An array that was transferred to another thread, or shrank.
    if (values.byteLength < from + byteLength) return undefined;
    const piece = new Uint8Array(values.buffer, values.byteOffset + from, byteLength).slice();
    const [first, end] = [Math.floor(from / rowBytes), Math.ceil((from + byteLength) / rowBytes)];
    if (snapshot === undefined || snapshot.isIntact(first, end)) return piece;
    for (let r = first; r < end; r++) {
      snapshot.readElements(r, row);
      const bytes = new Uint8Array(row.buffer);
      const skipped = Math.max(0, from - r * rowBytes);
      const target = Math.max(0, r * rowBytes - from);
      piece.set(bytes.subarray(skipped, Math.min(rowBytes, skipped + byteLength - target)), target);
    }
    return piece;
  };
}

function graphReader(graph: CsrGraph, spec: ShardSpec): ContentReader {
  const { rowPointers, columns, weights } = graph;
  const { start, end } = spec;
  let contents: Uint8Array | undefined;
  return (at, byteLength) => {
    if (rowPointers.byteLength === 0) return undefined;
    contents ??= copyOf(graph, rowPointers, columns, weights, start, end, contentBytes(spec));
    return contents?.subarray(at, at + byteLength);
  };
}

function copyOf(
  { nodes }: CsrGraph,
  rowPointers: Uint32Array,
  columns: Uint32Array,
  weights: Float32Array,
  start: number,
  end: number,
  byteLength: number,
): Uint8Array | undefined {
  if (rowPointers.length !== nodes + 1 || columns.length !== rowPointers[nodes] || weights.length !== columns.length) {
    return undefined;
  }
  const [first, last] = [rowPointers[start], rowPointers[end]];
  const copy = new ArrayBuffer(byteLength);
  const offsets = new Uint32Array(copy, 0, end - start + 1);
  for (let i = 0; i < offsets.length; i++) offsets[i] = rowPointers[start + i] - first;
  new Uint32Array(copy, offsets.byteLength, last - first).set(columns.subarray(first, last));
  new Float32Array(copy, offsets.byteLength + 4 * (last - first), last - first).set(weights.subarray(first, last));
  return new Uint8Array(copy);
}
