import {
  createTopKOutput,
  prepareCosineSimilarity,
  prepareSpreadActivation,
  prepareTopK,
  type Backend,
  type BackendError,
  type PhaseTimes,
  type PreparedCosineSimilarity,
  type PreparedTopK,
  type Result,
  type RowSetLike,
  type SyncBackend,
  type TopKOutput,
} from '@gearshift/contracts';
import { DTYPE_BYTES, isError } from '@gearshift/contracts/internal';
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

/** A scan that was checked, with memory for its answer. */
type ReadyScan =
  | { readonly scores: Float32Array; readonly request: PreparedCosineSimilarity }
  | { readonly scores: undefined; readonly request: PreparedTopK; readonly output: TopKOutput };

/** Scans of no more bytes take a fraction of a millisecond. */
const SHORT_SCAN_BYTES = 4 * 2 ** 20;

const refusal = (status: AnswerStatus): Computed => ({ status, count: 0 });

/** The part of the rows of a query that a shard has. */
export function rangeOf(query: ShardQuery, { spec }: HeldShard): { readonly start: number; readonly end: number } {
  return { start: Math.max(query.start, spec.start), end: Math.min(query.end, spec.end) };
}

/** Whether a query is answered sooner than anything else could be done meanwhile, such as to cancel it. */
export function isShortScan(query: ShardQuery, { operand, spec }: HeldShard): boolean {
  if (operand.kind === 'graph' || query.operation === 'spread-activation') return false;
  const rows = query.filter === 'candidates' ? query.rows.length : query.end - query.start;
  const { dimensions, dtype } = spec;
  return Math.min(rows, spec.end - spec.start) * query.queries * dimensions * DTYPE_BYTES[dtype] <= SHORT_SCAN_BYTES;
}

/**
 * Answers a short scan on this thread, without what waiting costs. Never throws.
 *
 * @param mostBytes of the answer
 */
export function computeNow(backend: SyncBackend, shard: HeldShard, query: ShardQuery, mostBytes: number): Computed {
  try {
    const { operand } = shard;
    const scan = operand.kind === 'graph' ? undefined : prepareScan(operand, shard, query, mostBytes);
    if (scan === undefined || operand.kind === 'graph') return refusal('invalid-input');
    const answer =
      scan.scores === undefined
        ? backend.topKSync(scan.request, scan.output)
        : backend.cosineSimilaritySync(scan.request, scan.scores);
    return finishScan(answer, scan, operand.firstRow);
  } catch (error) {
    return refusalOf(error);
  }
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
    return refusalOf(error);
  }
}

function refusalOf(error: unknown): Computed {
  const isMistake = isError(error, 'TypeError') || isError(error, 'RangeError');
  return refusal(isMistake ? 'invalid-input' : 'fault');
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
  const answer = await backend.spreadActivation(prepared, scores, signal);
  return answer.ok ? { status: 'ok', count: end - start, scores, times: answer.value } : refusalFor(answer);
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
  const ready = prepareScan(operand, shard, query, mostBytes);
  if (ready === undefined) return undefined;
  const answer =
    ready.scores === undefined
      ? await backend.topK(ready.request, ready.output, signal)
      : await backend.cosineSimilarity(ready.request, ready.scores, signal);
  return finishScan(answer, ready, operand.firstRow);
}

/** @returns undefined for a query that does not fit the shard, or has an answer that does not fit in a message */
function prepareScan(
  operand: HeldMatrix,
  shard: HeldShard,
  query: ShardQuery,
  mostBytes: number,
): ReadyScan | undefined {
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
    return { request: prepared, scores: new Float32Array(prepared.outputLength) };
  }
  const candidates = query.filter === 'candidates' ? candidatesOf(query, rows, firstRow) : undefined;
  const prepared = prepareTopK({
    operation: 'top-k',
    query: numbers,
    queries,
    matrix,
    start,
    end,
    k: query.k,
    metric,
    where,
    candidates,
  });
  if (!fits(8 * prepared.outputLength, mostBytes)) return undefined;
  return { request: prepared, scores: undefined, output: createTopKOutput(prepared) };
}

function finishScan(answer: Answer, scan: ReadyScan, firstRow: number): Computed {
  if (!answer.ok) return refusalFor(answer);
  const times = answer.value;
  if (scan.scores !== undefined) {
    const { start, end } = scan.request;
    return { status: 'ok', count: end - start, scores: scan.scores, times };
  }
  const { indices, scores, count } = scan.output;
  if (firstRow > 0) for (let i = 0; i < indices.length; i++) indices[i] += firstRow;
  return { status: 'ok', count, indices, scores, times };
}

function refusalFor({ error: { kind } }: Extract<Answer, { ok: false }>): Computed {
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
