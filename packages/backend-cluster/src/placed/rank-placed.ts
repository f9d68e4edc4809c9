import {
  createTopKOutput,
  err,
  finishTopK,
  mergeRanked,
  METRICS,
  ok,
  type BackendError,
  type Metric,
  type PartialAnswer,
  type PhaseTimes,
  type PlacedMatrix,
  type Result,
  type RowRange,
  type RowSetLike,
  type RowSpan,
  type TopKOutput,
} from '@gearshift/contracts';
import {
  effectiveRows,
  expected,
  optionNames,
  PreparedTopK,
  readOptions,
  requireFloat32Array,
  requireInteger,
  requireMinScore,
  requireRange,
} from '@gearshift/contracts/internal';
import type { Placement } from '../placement/placement.js';
import type { QueryContext } from '../queries/query-context.js';
import { runScan } from '../queries/run-scan.js';

/** As a request for a matrix that this process has. */
export interface PlacedRanking extends RowRange {
  /** `queries x dimensions`, row-major. */
  readonly query: Float32Array;
  /** Default 1. */
  readonly queries?: number | undefined;
  readonly k: number;
  /** Default `'cosine'`. */
  readonly metric?: Metric | undefined;
  readonly where?: RowSetLike | undefined;
  readonly minScore?: number | undefined;
}

export interface PlacedAnswer {
  readonly output: TopKOutput;
  readonly phases: PhaseTimes;
}

/** With the best of the rows that could be ranked, where the workers with the other rows cannot be reached. */
export interface PlacedError extends BackendError {
  readonly partial: PartialAnswer<TopKOutput> | null;
}

const FIELDS = optionNames<PlacedRanking>({
  query: true,
  queries: true,
  k: true,
  metric: true,
  where: true,
  minScore: true,
  start: true,
  end: true,
});

/** Ranks the rows of a matrix that no process has as a whole. */
export async function rankPlaced(
  context: QueryContext,
  placement: Placement,
  matrix: PlacedMatrix,
  whole: PreparedTopK,
  earlier: PartialAnswer<TopKOutput> | undefined,
  signal: AbortSignal | undefined,
): Promise<Result<PlacedAnswer, PlacedError>> {
  const startedAtMs = context.clock.nowMs();
  const wanted = earlier?.remaining.map(({ start, end }) => ({ start: start + whole.start, end: end + whole.start }));
  const spans = wanted ?? [{ start: whole.start, end: whole.end }];
  const lists: { readonly count: number; readonly output: TopKOutput }[] = [];
  if (earlier !== undefined) lists.push({ count: earlier.output.count, output: earlier.output });
  const missing: RowSpan[] = [];
  let failure: BackendError | undefined;
  let phases: PhaseTimes | undefined;
  for (const span of spans) {
    // Shards without a live holder would fail the others.
    const parts = splitByHolders(context, placement, span);
    missing.push(...parts.missing);
    for (const part of parts.there) {
      const request = narrowed(whole, part);
      const output = createTopKOutput(request);
      const times = await runScan(context, placement, request, whole.query, output, signal);
      if ('error' in times) {
        failure = times.error;
        missing.push(part);
      } else {
        phases = times.phases(0, context.clock.nowMs() - startedAtMs);
        lists.push({ count: output.count, output });
      }
    }
  }
  const output = merged(whole, lists);
  if (missing.length === 0) {
    const totalMs = context.clock.nowMs() - startedAtMs;
    const none = { queueMs: 0, uploadMs: 0, kernelMs: 0, downloadMs: 0, networkMs: 0, totalMs, fused: false };
    return ok({ output, phases: phases === undefined ? none : { ...phases, totalMs } });
  }
  const rows = missing.map(({ start, end }) => `${start} to ${end}`).join(', ');
  const { error } = context.failures.of('unreachable', `no live worker holds the rows ${rows}`);
  return err({ ...(failure ?? error), partial: partialOf(whole, output, missing, matrix) });
}

/** @throws TypeError or RangeError that names the field, the expected and the given value */
export function preparePlaced(matrix: PlacedMatrix, ranking: PlacedRanking): PreparedTopK {
  const given = readOptions('ranking', ranking, FIELDS);
  const { queries = 1, metric = 'cosine', where, minScore } = given;
  const query = requireFloat32Array('query', given.query);
  requireInteger('queries', queries, 1);
  const length = queries * matrix.dimensions;
  if (query.length !== length) {
    throw new RangeError(`query: expected ${length} values (${queries} of ${matrix.dimensions}), got ${query.length}`);
  }
  const k = requireInteger('k', given.k, 1);
  if (!METRICS.includes(metric)) throw new RangeError(expected('metric', `one of ${METRICS.join(', ')}`, metric));
  const { start, end } = requireRange(given.start, given.end, matrix.rows);
  // No code reads the rows of a prepared request on the cluster.
  const shape = { ...matrix, values: new Float32Array(0) };
  const rows = where === undefined ? undefined : effectiveRows(where, shape);
  const leastScore = minScore === undefined ? undefined : requireMinScore(minScore);
  return new PreparedTopK(shape, query.slice(), start, end, k, metric, undefined, rows, leastScore);
}

/** The same request for some rows, without `minScore`, which is applied to the merged ranking. */
function narrowed({ matrix, query, k, metric, where }: PreparedTopK, { start, end }: RowSpan): PreparedTopK {
  return new PreparedTopK(matrix, query, start, end, k, metric, undefined, where, undefined);
}

function splitByHolders({ directory }: QueryContext, placement: Placement, { start, end }: RowSpan) {
  const there: { start: number; end: number }[] = [];
  const missing: RowSpan[] = [];
  for (const shard of placement.shardsIn(start, end)) {
    const span = { start: Math.max(start, shard.start), end: Math.min(end, shard.end) };
    const last = there.at(-1);
    if (directory.holders(shard).length === 0) missing.push(span);
    else if (last?.end === span.start) last.end = span.end;
    else there.push(span);
  }
  return { there, missing };
}

/** The best of several rankings of other rows. */
function merged(
  whole: PreparedTopK,
  lists: readonly { readonly count: number; readonly output: TopKOutput }[],
): TopKOutput {
  const { metric, queries } = whole;
  // Of several queries, an earlier ranking may have fewer entries than others.
  const entriesOf = ({ count, output }: (typeof lists)[number], q: number) => output.counts?.[q] ?? count;
  const available = Array.from({ length: queries }, (_, q) => lists.reduce((sum, list) => sum + entriesOf(list, q), 0));
  const count = Math.min(whole.count, Math.max(0, ...available));
  const indices = new Uint32Array(queries * count).fill(2 ** 32 - 1);
  const scores = new Float32Array(queries * count).fill(NaN);
  for (let q = 0; q < queries; q++) {
    const ranked = lists.map((list) => {
      const [from, to] = [q * list.count, q * list.count + entriesOf(list, q)];
      return { indices: list.output.indices.subarray(from, to), scores: list.output.scores.subarray(from, to) };
    });
    const [from, to] = [q * count, (q + 1) * count];
    mergeRanked(metric, ranked, { indices: indices.subarray(from, to), scores: scores.subarray(from, to) });
  }
  const hasCounts = whole.minScore !== undefined && queries > 1;
  const output: TopKOutput = { indices, scores, count, ...(hasCounts ? { counts: new Uint32Array(queries) } : {}) };
  const { matrix, query, start, end, where, minScore } = whole;
  // As many entries as there are, so that finishTopK finds them where they are.
  if (count > 0)
    finishTopK(new PreparedTopK(matrix, query, start, end, count, metric, undefined, where, minScore), output);
  return output;
}

function partialOf(
  { start, end }: PreparedTopK,
  output: TopKOutput,
  missing: readonly RowSpan[],
  { id, version }: PlacedMatrix,
): PartialAnswer<TopKOutput> | null {
  const remaining = missing
    .map((span) => ({ start: span.start - start, end: span.end - start }))
    .sort((a, b) => a.start - b.start);
  const done: { start: number; end: number }[] = [];
  let at = 0;
  for (const span of [...remaining, { start: end - start, end: end - start }]) {
    if (span.start > at) done.push({ start: at, end: span.start });
    at = span.end;
  }
  if (done.length === 0) return null;
  return { output, done, remaining, attempts: [], operation: 'top-k', operand: { id, version } };
}
