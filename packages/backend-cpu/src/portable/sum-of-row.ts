import type { CsrGraph } from '@gearshift/contracts';

/** Rows up to here are sorted by insertion. */
const SHORT_ROW = 48;
/** Times a column of 32 bits, a smaller number is exact in a double. */
const EXACT_COUNT = 2 ** 21;

/** Of the longest row so far: graphs have many, and each needs it only for as long as it is added up. */
let scratch = new Float64Array(0);

type Edges = Pick<CsrGraph, 'columns' | 'weights'>;

/**
 * The weighted sum of activations over the edges of a row, in double precision and by ascending column; edges with the same column
 * in the order of the row.
 */
export function sumOfRow(
  { columns, weights }: Edges,
  firstEdge: number,
  lastEdge: number,
  activations: Float32Array,
): number {
  let sum = 0;
  let previous = 0;
  for (let edge = firstEdge; edge < lastEdge; edge++) {
    const column = columns[edge];
    if (column < previous) return sumOfUnsortedRow({ columns, weights }, firstEdge, lastEdge, activations);
    previous = column;
    sum += weights[edge] * activations[column];
  }
  return sum;
}

function sumOfUnsortedRow(
  { columns, weights }: Edges,
  firstEdge: number,
  lastEdge: number,
  activations: Float32Array,
): number {
  let sum = 0;
  for (const edge of sortedEdges(columns, firstEdge, lastEdge)) sum += weights[edge] * activations[columns[edge]];
  return sum;
}

function sortedEdges(columns: Uint32Array, firstEdge: number, lastEdge: number): Iterable<number> {
  const count = lastEdge - firstEdge;
  if (count > SHORT_ROW) return sortedEdgesOfLongRow(columns, firstEdge, count);
  const edges: number[] = [];
  for (let edge = firstEdge; edge < lastEdge; edge++) {
    const column = columns[edge];
    let place = edges.length;
    edges.push(edge);
    for (; place > 0 && columns[edges[place - 1]] > column; place--) edges[place] = edges[place - 1];
    edges[place] = edge;
  }
  return edges;
}

function sortedEdgesOfLongRow(columns: Uint32Array, firstEdge: number, count: number): Float64Array {
  if (scratch.length < count) scratch = new Float64Array(count);
  const edges = scratch.subarray(0, count);
  if (count >= EXACT_COUNT) {
    for (let place = 0; place < count; place++) edges[place] = firstEdge + place;
    return edges.sort((a, b) => columns[a] - columns[b] || a - b);
  }
  // Numbers that order columns first and edges second: without a comparison in JavaScript this takes a tenth of the time.
  for (let place = 0; place < count; place++) edges[place] = columns[firstEdge + place] * count + place;
  edges.sort();
  for (let place = 0; place < count; place++) edges[place] = firstEdge + (edges[place] % count);
  return edges;
}
