import {
  METRICS,
  RowSet,
  type CsrGraph,
  type OperationRequest,
  type TopKRequest,
  type VectorMatrix,
} from '@gearshift/contracts';
import { randomValues } from '@gearshift/testing';

type Ranking = Omit<TopKRequest, 'operation' | 'matrix' | 'candidates'>;

/** Rankings of any matrix of so many rows: each metric, one and several queries, ranges, filters with few and with many rows. */
export function rankingsOf({ rows, dimensions }: Pick<VectorMatrix, 'rows' | 'dimensions'>): Ranking[] {
  const one = (seed: number) => randomValues(dimensions, 1000 + seed);
  const three = randomValues(3 * dimensions, 999);
  const some = RowSet.fromPredicate(rows, (row) => row % 3 !== 1);
  const few = RowSet.fromPredicate(rows, (row) => row % 97 === 5);
  const [start, end] = [Math.floor(rows / 5), Math.ceil((rows * 3) / 4)];
  return [
    ...METRICS.map((metric, i) => ({ query: one(i), k: 10, metric })),
    { query: one(10), k: 1 },
    { query: one(11), k: rows },
    { query: one(12), k: 12, where: some },
    { query: one(13), k: 12, where: few, metric: 'dot' },
    { query: one(14), k: 7, start, end },
    { query: one(15), k: 7, start, end, where: some, metric: 'euclidean' },
    { query: one(16), k: 40, minScore: 0.3 },
    { query: three, queries: 3, k: 9 },
    { query: three, queries: 3, k: 30, minScore: 1, metric: 'dot', where: some },
  ];
}

/** Every kind of question about a matrix, in an order that does not depend on its contents. */
export function questionsAbout(matrix: VectorMatrix): OperationRequest[] {
  const { rows, dimensions } = matrix;
  const query = randomValues(dimensions, 2000);
  const candidates = Uint32Array.from({ length: Math.ceil(rows / 4) }, (_, i) => rows - 1 - 3 * i).filter(
    (row) => row < rows,
  );
  const where = RowSet.fromPredicate(rows, (row) => row % 2 === 0);
  const [start, end] = [Math.floor(rows / 3), Math.ceil(rows / 2)];
  return [
    ...rankingsOf(matrix).map((ranking) => ({ operation: 'top-k', matrix, ...ranking }) as const),
    { operation: 'top-k', query, matrix, k: 10, candidates },
    { operation: 'cosine-similarity', query, matrix },
    { operation: 'cosine-similarity', query, matrix, where },
    { operation: 'cosine-similarity', query, matrix, start, end },
  ];
}

/** One hop and several, and a range of nodes. */
export function questionsAboutGraph(graph: CsrGraph): OperationRequest[] {
  const activations = randomValues(graph.nodes, 3000);
  const common = { operation: 'spread-activation', graph, activations } as const;
  const [start, end] = [Math.floor(graph.nodes / 4), graph.nodes];
  return [
    common,
    { ...common, hops: 3, decay: 0.7 },
    { ...common, hops: 2, retention: 0.5, threshold: 0.1 },
    { ...common, start, end },
  ];
}

/** Rows of which many are equal, so that the rule for ties decides. */
export function valuesWithTies(rows: number, dimensions: number, seed: number): Float32Array {
  const values = randomValues(rows * dimensions, seed);
  for (let row = 0; row < rows; row += 5) values.copyWithin(row * dimensions, 0, dimensions);
  return values;
}
