import {
  METRICS,
  RowSet,
  type CsrGraph,
  type OperationRequest,
  type TopKRequest,
  type VectorMatrix,
} from '@gearshift/contracts';
import { randomValues } from '@gearshift/testing';

type Shape = Pick<VectorMatrix, 'rows' | 'dimensions'>;
export type Ranking = Omit<TopKRequest, 'operation' | 'matrix' | 'candidates'>;

const one = ({ dimensions }: Shape, seed: number) => randomValues(dimensions, 1000 + seed);
const three = ({ dimensions }: Shape) => ({ query: randomValues(3 * dimensions, 999), queries: 3 });
const some = ({ rows }: Shape) => RowSet.fromPredicate(rows, (row) => row % 3 !== 1);
const few = ({ rows }: Shape) => RowSet.fromPredicate(rows, (row) => row % 97 === 5);
const middle = ({ rows }: Shape) => ({ start: Math.floor(rows / 5), end: Math.ceil((rows * 3) / 4) });

/** Rankings of any matrix: each metric, one and several queries, ranges, filters with few and with many rows. */
export const RANKINGS: readonly ((shape: Shape) => Ranking)[] = [
  ...METRICS.map((metric, i) => (shape: Shape) => ({ query: one(shape, i), k: 10, metric })),
  (shape) => ({ query: one(shape, 10), k: 1 }),
  (shape) => ({ query: one(shape, 11), k: shape.rows }),
  (shape) => ({ query: one(shape, 12), k: 12, where: some(shape) }),
  (shape) => ({ query: one(shape, 13), k: 12, where: few(shape), metric: 'dot' }),
  (shape) => ({ query: one(shape, 14), k: 7, ...middle(shape) }),
  (shape) => ({ query: one(shape, 15), k: 7, ...middle(shape), where: some(shape), metric: 'euclidean' }),
  (shape) => ({ query: one(shape, 16), k: 40, minScore: 0.3 }),
  (shape) => ({ ...three(shape), k: 9 }),
  (shape) => ({ ...three(shape), k: 30, minScore: 1, metric: 'dot', where: some(shape) }),
];

/** Every kind of question about a matrix; which one has which number does not depend on the matrix. */
export const QUESTIONS: readonly ((matrix: VectorMatrix) => OperationRequest)[] = [
  ...RANKINGS.map((ranking) => (matrix: VectorMatrix) => ({ operation: 'top-k', matrix, ...ranking(matrix) }) as const),
  (matrix) => ({ operation: 'top-k', query: one(matrix, 20), matrix, k: 10, candidates: candidatesOf(matrix) }),
  (matrix) => ({ operation: 'cosine-similarity', query: one(matrix, 21), matrix }),
  (matrix) => ({ operation: 'cosine-similarity', query: one(matrix, 22), matrix, where: some(matrix) }),
  (matrix) => ({ operation: 'cosine-similarity', query: one(matrix, 23), matrix, ...middle(matrix) }),
];

export function questionsAbout(matrix: VectorMatrix): OperationRequest[] {
  return QUESTIONS.map((question) => question(matrix));
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

/** A quarter of the rows, not in their order. */
function candidatesOf({ rows }: Shape): Uint32Array {
  return Uint32Array.from({ length: Math.floor(rows / 4) }, (_, i) => rows - 1 - 3 * i);
}
