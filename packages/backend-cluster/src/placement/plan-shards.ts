import type { CsrGraph, Operand, RowSpan, VectorMatrix } from '@gearshift/contracts';
import { formatOf, isMatrix } from '@gearshift/native-kit';
import type { ShardSpec } from '../messages/shard-spec.js';

/** Shards begin at whole words of row sets. */
const ROW_STEP = 32;

/** Cuts an operand into contiguous shards: a matrix evenly, a graph by the edges of its receiving nodes. */
export function planShards(operand: Operand, key: string, generation: number, mostShards: number): ShardSpec[] {
  const spans = isMatrix(operand) ? matrixSpans(operand, mostShards) : graphSpans(operand, mostShards);
  return spans.map(({ start, end }, shard) => {
    const common = { key, generation, shard, shards: spans.length, start, end };
    if (isMatrix(operand)) {
      const { rows, dimensions } = operand;
      const { dtype } = formatOf(operand);
      return { ...common, kind: 'matrix', rows, dimensions, dtype, scale: operand.scale, edges: 0 };
    }
    const edges = operand.rowPointers[end] - operand.rowPointers[start];
    return { ...common, kind: 'graph', rows: operand.nodes, dimensions: 1, dtype: 'float32', scale: undefined, edges };
  });
}

function matrixSpans({ rows }: VectorMatrix, mostShards: number): RowSpan[] {
  const steps = Math.ceil(rows / ROW_STEP);
  const shards = Math.min(mostShards, steps);
  return Array.from({ length: shards }, (_, shard) => ({
    start: Math.floor((steps * shard) / shards) * ROW_STEP,
    end: Math.min(rows, Math.floor((steps * (shard + 1)) / shards) * ROW_STEP),
  }));
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
