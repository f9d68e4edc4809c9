import {
  compareRanked,
  mergeRanked,
  ok,
  type BackendError,
  type Metric,
  type PreparedTopK,
  type RankedList,
  type Result,
  type SyncBackend,
  type TopKOutput,
} from '@gearshift/contracts';
import { isTurnDue, nextTurn } from '@gearshift/contracts/internal';
import type { Failure } from '@gearshift/native-kit';
import { scoreOfKey } from '../kernels/ordered-keys.js';
import { isCounted } from '../kernels/scan.js';
import type { MatrixCopy } from '../residency/matrix-copy.js';
import { queryAt, type DeviceQueries } from './device-queries.js';
import type { BestEntries } from './best-entries.js';
import { MOST_KEPT, type DeviceScan } from './device-scan.js';
import { hostRowsOf, rankHostRows } from './host-rows.js';
import type { RowSelection } from './selection.js';

/** Different squares may have the same root in float32, and then the lower row comes first: so many more are looked at. */
const SPARE_DISTANCES = 32;
/** Entries that are collected before the worse ones are dropped. */
const LEAST_COLLECTED = 2 ** 16;

export interface Ranking {
  readonly prepared: PreparedTopK;
  /** A copy, because the caller may change its own meanwhile. */
  readonly query: Float32Array;
  /** By rows of the copy. */
  readonly selection: RowSelection;
  readonly queries: DeviceQueries;
  readonly copy: MatrixCopy;
  readonly scan: DeviceScan;
  readonly cpu: SyncBackend;
  /** The row of the matrix for a row of the copy, in the same order. */
  readonly rowOf: (row: number) => number;
  readonly signal: AbortSignal | undefined;
}

/** Writes the best rows of each query: those that the device ranks, merged with those that the host does. */
export async function rank(ranking: Ranking, output: TopKOutput): Promise<Failure | undefined> {
  const { prepared, query, queries, scan, copy, selection, rowOf, cpu, signal } = ranking;
  const { matrix, metric, count } = prepared;
  const kept = metric === 'euclidean' ? count + SPARE_DISTANCES : count;
  const found = kept <= MOST_KEPT ? await scan.best(queries, kept) : undefined;
  if (found?.ok === false) return found;
  const hostRows = hostRowsOf(copy, selection).map(rowOf);
  for (const [place, q] of queries.numbers.entries()) {
    if (isTurnDue()) await nextTurn();
    let ofDevice = found && listOf(metric, found.value[place], kept, count);
    if (ofDevice === undefined) {
      const all = await rankAll(ranking, queryAt(queries, place));
      if (!all.ok) return all;
      ofDevice = all.value;
    }
    const vector = query.subarray(q * matrix.dimensions, (q + 1) * matrix.dimensions);
    const ofHost = await rankHostRows(cpu, matrix, vector, metric, count, hostRows, signal);
    if (!ofHost.ok) return ofHost;
    const target = {
      indices: output.indices.subarray(q * count, (q + 1) * count),
      scores: output.scores.subarray(q * count, (q + 1) * count),
    };
    mergeRanked(metric, [{ ...ofDevice, indices: ofDevice.indices.map(rowOf) }, ofHost.value], target);
  }
  return undefined;
}

/** The entries with their scores, or undefined when a row that the device left out may have the same distance as the last one. */
function listOf(metric: Metric, { keys, rows }: BestEntries, kept: number, count: number): RankedList | undefined {
  const scores = Float32Array.from(keys, (key) => finalScore(metric, scoreOfKey(key)));
  if (metric !== 'euclidean') return { indices: rows, scores };
  const isCut = keys.length === kept && scores[kept - 1] <= scores[count - 1];
  return isCut ? undefined : sorted(metric, [...rows], [...scores], count);
}

/** Ranks by the scores of all rows: for many rows in the answer. */
async function rankAll(ranking: Ranking, query: DeviceQueries): Promise<Result<RankedList, BackendError>> {
  const { prepared, selection, scan } = ranking;
  const { metric, count } = prepared;
  const isListed = selection.candidates !== undefined;
  const most = Math.max(LEAST_COLLECTED, 4 * count);
  let rows: number[] = [];
  let scores: number[] = [];
  const failure = await scan.all(query, (_, { tile, selected }, start, values) => {
    for (let i = 0; i < values.length; i++) {
      if (!isCounted(values[i])) continue;
      const item = start + i;
      rows.push(tile.first + (isListed ? (selected?.[item] ?? 0) : item));
      scores.push(finalScore(metric, values[i]));
    }
    if (rows.length <= most) return;
    const best = sorted(metric, rows, scores, count);
    rows = [...best.indices];
    scores = [...best.scores];
  });
  return failure ?? ok(sorted(metric, rows, scores, count));
}

/** Kernels give negated squares of distances. */
function finalScore(metric: Metric, score: number): number {
  return metric === 'euclidean' ? Math.fround(Math.sqrt(Math.max(0, -score))) : score;
}

/** The best `count` entries, best first. */
function sorted(metric: Metric, rows: readonly number[], scores: readonly number[], count: number): RankedList {
  const order = Uint32Array.from(rows.keys()).sort((a, b) =>
    compareRanked(metric, scores[a], rows[a], scores[b], rows[b]),
  );
  const best = order.subarray(0, count);
  return { indices: best.map((i) => rows[i]), scores: Float32Array.from(best, (i) => scores[i]) };
}
