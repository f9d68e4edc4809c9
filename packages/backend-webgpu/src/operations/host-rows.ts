import {
  ok,
  type BackendError,
  type Metric,
  type Result,
  type SyncBackend,
  type TopKOutput,
  type VectorMatrix,
} from '@gearshift/contracts';
import { hasRow } from '@gearshift/contracts/internal';
import type { MatrixCopy } from '../residency/matrix-copy.js';
import type { RowSelection } from './selection.js';

/** More rows are scored on another thread. */
const MOST_ROWS_HERE = 4096;

/** The rows of a selection that the device does not score, by their places in the copy. */
export function hostRowsOf(copy: MatrixCopy, { start, end, where, candidates }: RowSelection): Uint32Array {
  const rows = copy.hostRowsIn(start, end);
  if (rows.length === 0) return rows;
  if (candidates !== undefined) {
    const listed = new Set(candidates);
    return rows.filter((row) => listed.has(row));
  }
  return where === undefined ? rows : rows.filter((row) => hasRow(where.words, row));
}

/**
 * Ranks rows by the CPU: those with NaN, infinities or extreme norms, which WGSL leaves to each device.
 *
 * @param rows listed once each
 */
export async function rankHostRows(
  cpu: SyncBackend,
  matrix: VectorMatrix,
  query: Float32Array,
  metric: Metric,
  k: number,
  rows: Uint32Array,
  signal: AbortSignal | undefined,
): Promise<Result<TopKOutput, BackendError>> {
  const count = Math.min(k, rows.length);
  const output = { indices: new Uint32Array(count), scores: new Float32Array(count), count };
  if (count === 0) return ok(output);
  const request = { operation: 'top-k', matrix, query, metric, k: count, candidates: rows } as const;
  const isShort = rows.length <= MOST_ROWS_HERE;
  const answer = isShort ? cpu.topKSync(request, output) : await cpu.topK(request, output, signal);
  return answer.ok ? ok(output) : answer;
}
