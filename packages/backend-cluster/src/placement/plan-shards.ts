import type { CsrGraph, Operand, RowSpan, VectorMatrix } from '@gearshift/contracts';
import { isMatrix } from '@gearshift/native-kit';
import type { ShardSpec } from '../messages/shard-spec.js';

/** Shards begin at whole words of row sets. */
const ROW_STEP = 32;

/** What a matrix is, without its rows. */
export type RowShape = Pick<VectorMatrix, 'rows' | 'dimensions' | 'dtype' | 'scale'> & Pick<ShardSpec, 'label'>;

/** Cuts an operand into contiguous shards: a matrix evenly, a graph by the edges of its receiving nodes. */
export function planShards(operand: Operand, key: string, generation: number, mostShards: number): ShardSpec[] {
  if (isMatrix(operand)) return planRows(operand, key, generation, mostShards);
  const { nodes: rows, rowPointers } = operand;
  const spans = graphSpans(operand, mostShards);
  return spans.map(({ start, end }, shard) => {
    const edges = rowPointers[end] - rowPointers[start];
    const place = { key, generation, shard, shards: spans.length, start, end, rows };
    return { ...place, kind: 'graph', dimensions: 1, dtype: 'float32', scale: undefined, edges };
  });
}

/** The same for the rows of a matrix that may be anywhere. */
export function planRows(shape: RowShape, key: string, generation: number, mostShards: number): ShardSpec[] {
  const { rows, dimensions, dtype = 'float32', scale, label } = shape;
  const steps = Math.ceil(rows / ROW_STEP);
  const shards = Math.min(mostShards, steps);
  return Array.from({ length: shards }, (_, shard) => {
    const start = Math.floor((steps * shard) / shards) * ROW_STEP;
    const end = Math.min(rows, Math.floor((steps * (shard + 1)) / shards) * ROW_STEP);
    const place = { key, generation, shard, shards, start, end, rows };
    return { ...place, kind: 'matrix', dimensions, dtype, scale, edges: 0, label };
  });
}

function graphSpans({ nodes, rowPointers }: CsrGraph, mostShards: number): RowSpan[] {
  // A node counts like an edge, so that nodes without edges are shared out too.
  const weightBefore = (node: number) => rowPointers[node] + node;
  const total = weightBefore(nodes);
  const spans: RowSpan[] = [];
  let start = 0;
  for (let shard = 1; shard <= mostShards && start < nodes; shard++) {
    const end =
      shard === mostShards ? nodes : firstNode(nodes, (node) => weightBefore(node) >= (total * shard) / mostShards);
    if (end > start) spans.push({ start, end });
    start = Math.max(start, end);
  }
  return spans;
}

/** The first node for which an ascending condition holds, or `nodes`. */
function firstNode(nodes: number, holds: (node: number) => boolean): number {
  let [from, to] = [0, nodes];
  while (from < to) {
    const middle = Math.floor((from + to) / 2);
    if (holds(middle)) to = middle;
    else from = middle + 1;
  }
  return from;
}
