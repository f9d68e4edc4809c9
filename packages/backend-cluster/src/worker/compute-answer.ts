import {
  createTopKOutput,
  prepareCosineSimilarity,
  prepareSpreadActivation,
  prepareTopK,
  type Backend,
  type BackendError,
  type PhaseTimes,
  type Result,
  type RowSetLike,
} from '@gearshift/contracts';
import { isError } from '@gearshift/contracts/internal';
import { ANSWER_HEADER_BYTES, type AnswerStatus } from '../wire/answer.js';
import type { ShardQuery } from '../wire/query.js';
import type { HeldOperand, HeldShard } from './held-shard.js';
import { moveBits } from '../row-bits.js';

/** The answer of a shard, without what the worker adds to it. */
export interface Computed {
  readonly status: AnswerStatus;
  readonly count: number;
  readonly indices?: Uint32Array;
  readonly scores?: Float32Array;
  readonly times?: PhaseTimes;
}

type Answer = Result<PhaseTimes, BackendError>;
type HeldMatrix = Extract<HeldOperand, { kind: 'matrix' }>;

const refusal = (status: AnswerStatus): Computed => ({ status, count: 0 });

/** The part of the rows of a query that a shard has. */
export function rangeOf(query: ShardQuery, { spec }: HeldShard): { readonly start: number; readonly end: number } {
  return { start: Math.max(query.start, spec.start), end: Math.min(query.end, spec.end) };
}

/**
 * Answers a query from a shard. Never throws.
 *
 * @param mostBytes of the answer
 */
export async function computeAnswer(
  backend: Backend,
  shard: HeldShard,
  query: ShardQuery,
  mostBytes: number,
  signal: AbortSignal,
): Promise<Computed> {
  try {
    const { operand } = shard;
    const isSpread = query.operation === 'spread-activation';
    if (isSpread !== (operand.kind === 'graph')) return refusal('invalid-input');
    const computed =
      operand.kind === 'graph'
        ? await spread(backend, operand.graph, shard, query, mostBytes, signal)
        : await scan(backend, operand, shard, query, mostBytes, signal);
    return computed ?? refusal('invalid-input');
  } catch (error) {
    const isMistake = isError(error, 'TypeError') || isError(error, 'RangeError');
    return refusal(isMistake ? 'invalid-input' : 'fault');
  }
}

async function spread(
  backend: Backend,
  graph: Extract<HeldOperand, { kind: 'graph' }>['graph'],
  shard: HeldShard,
  query: ShardQuery,
  mostBytes: number,
  signal: AbortSignal,
): Promise<Computed | undefined> {
  const { start, end } = rangeOf(query, shard);
  if (query.dimensions !== graph.nodes || !fits(4 * (end - start), mostBytes)) return undefined;
  const { decay, retention, threshold } = query;
  const activations = query.filter === 'sparse' ? denseOf(query) : query.numbers;
  const request = {
    operation: 'spread-activation',
    graph,
    activations,
    decay,
    retention,
    threshold,
    start,
    end,
  } as const;
  const prepared = prepareSpreadActivation(request);
  const scores = new Float32Array(prepared.outputLength);
  return done(await backend.spreadActivation(prepared, scores, signal), { count: end - start, scores });
}

/** The activations of all nodes, of which the graph has as many as the query says. */
function denseOf({ dimensions, rows, numbers }: ShardQuery): Float32Array {
  const activations = new Float32Array(dimensions);
  for (let i = 0; i < rows.length; i++) activations[rows[i]] = numbers[i];
  return activations;
}

async function scan(
  backend: Backend,
  operand: HeldMatrix,
  shard: HeldShard,
  query: ShardQuery,
  mostBytes: number,
  signal: AbortSignal,
): Promise<Computed | undefined> {
  const { matrix, firstRow } = operand;
  if (query.dimensions !== matrix.dimensions) return undefined;
  const rows = rangeOf(query, shard);
  const [start, end] = [rows.start - firstRow, rows.end - firstRow];
  const { numbers, queries, metric } = query;
  const where = query.filter === 'set' ? setOf(query, rows, operand) : undefined;
  if (query.operation === 'cosine-similarity') {
    if (query.filter === 'candidates' || !fits(4 * queries * (end - start), mostBytes)) return undefined;
    const request = { operation: query.operation, query: numbers, queries, matrix, start, end, where } as const;
    const prepared = prepareCosineSimilarity(request);
    const scores = new Float32Array(prepared.outputLength);
    return done(await backend.cosineSimilarity(prepared, scores, signal), { count: end - start, scores });
  }
  const candidates = query.filter === 'candidates' ? candidatesOf(query, rows, firstRow) : undefined;
  const options = { query: numbers, queries, matrix, start, end, k: query.k, metric, where, candidates };
  const prepared = prepareTopK({ operation: 'top-k', ...options });
  if (!fits(8 * prepared.outputLength, mostBytes)) return undefined;
  const output = createTopKOutput(prepared);
  const answer = await backend.topK(prepared, output, signal);
  const { indices, scores, count } = output;
  if (firstRow > 0) for (let i = 0; i < indices.length; i++) indices[i] += firstRow;
  return done(answer, { count, indices, scores });
}

function done(answer: Answer, written: Omit<Computed, 'status' | 'times'>): Computed {
  if (answer.ok) return { ...written, status: 'ok', times: answer.value };
  const { kind } = answer.error;
  return refusal(kind === 'aborted' || kind === 'invalid-input' ? kind : 'fault');
}

function fits(dataBytes: number, mostBytes: number): boolean {
  return dataBytes <= mostBytes - ANSWER_HEADER_BYTES;
}

type Rows = ReturnType<typeof rangeOf>;

function setOf({ rows, start: first }: ShardQuery, { start, end }: Rows, { matrix, firstRow }: HeldMatrix): RowSetLike {
  return { rowCount: matrix.rows, words: moveBits(rows, first, start, end, firstRow, matrix.rows) };
}

function candidatesOf({ rows }: ShardQuery, { start, end }: Rows, firstRow: number): Uint32Array {
  return rows.filter((row) => row >= start && row < end).map((row) => row - firstRow);
}
