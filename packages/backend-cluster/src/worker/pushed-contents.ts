import { createGraph, createMatrix } from '@gearshift/contracts';
import { elementsView } from '@gearshift/contracts/internal';
import type { ShardSpec } from '../messages/shard-spec.js';
import type { HeldOperand } from './held-shard.js';

/*
 * The contents of a shard as they are pushed. Matrix: its elements. Graph: `rows + 1` offsets of its receiving nodes, from 0, then the
 * sending nodes of its edges, then their weights.
 */

/**
 * The operand over the contents of a shard, without a copy where that is possible.
 *
 * @throws RangeError for contents that are no graph
 */
export function operandOf(spec: ShardSpec, contents: SharedArrayBuffer): HeldOperand {
  const { kind, start, end, rows, dimensions, dtype, scale, edges } = spec;
  if (kind === 'matrix') {
    const values = elementsView(dtype, contents, 0, (end - start) * dimensions);
    const matrix = createMatrix(values, { dimensions, dtype, scale });
    return { kind, matrix, firstRow: start };
  }
  const offsets = new Uint32Array(contents, 0, end - start + 1);
  const columnsAt = offsets.byteLength;
  if (offsets[0] !== 0 || offsets[end - start] !== edges) {
    throw new RangeError(
      `rowPointers: expected offsets from 0 to ${edges}, got ${offsets[0]} to ${offsets[end - start]}`,
    );
  }
  const rowPointers = new Uint32Array(new SharedArrayBuffer(4 * (rows + 1)));
  rowPointers.set(offsets, start);
  rowPointers.fill(edges, end);
  const columns = new Uint32Array(contents, columnsAt, edges);
  const weights = new Float32Array(contents, columnsAt + 4 * edges, edges);
  return { kind, graph: createGraph({ nodes: rows, rowPointers, columns, weights }) };
}
