import type {
  PreparedCosineSimilarity,
  PreparedSpreadActivation,
  PreparedTopK,
  SearchCounts,
  SyncBackend,
  TopKOutput,
} from '@gearshift/contracts';
import type { BackendFailures, Failure } from '@gearshift/native-kit';
import type { KernelTimes } from '../device/kernel-clock.js';
import type { DeviceSlot } from '../residency/device-slot.js';
import { GraphCopy } from '../residency/graph-copy.js';
import { deviceQueries } from './device-queries.js';
import { rank } from './rank.js';
import { openSource, scanOf } from './scan-source.js';
import { score } from './score.js';
import { spread } from './spread.js';

/** What a request is answered with. */
export interface AnswerContext {
  readonly slot: DeviceSlot;
  readonly failures: BackendFailures;
  /** Scores what WGSL leaves to each device. */
  readonly cpu: SyncBackend;
}

/** Receives the times of a request. */
export interface RequestClock {
  /** Call it once everything that the request reads is on the device. */
  uploaded(): void;
  readonly times: KernelTimes;
}

export async function answerScores(
  { slot, failures, cpu }: AnswerContext,
  prepared: PreparedCosineSimilarity,
  output: Float32Array,
  signal: AbortSignal | undefined,
  clock: RequestClock,
): Promise<Failure | undefined> {
  const { matrix, start, end, where } = prepared;
  const query = prepared.query.slice();
  const queries = deviceQueries('cosine', query, matrix.dimensions);
  if (queries.numbers.length > 0) {
    const refusal = await slot.ready();
    if (refusal !== undefined) return refusal;
    const { place } = slot;
    const all = { start, end, where: undefined, candidates: undefined };
    const source = await openSource(place, failures, matrix, all, signal);
    if ('error' in source) return source;
    clock.uploaded();
    try {
      const { copy, firstRow } = source;
      const scan = scanOf(place, failures, source, 'cosine', signal, clock.times);
      const scoring = { prepared, query, queries, copy, firstRow, scan, cpu };
      const failure = await place.residents.makingRoom(() => score(scoring, output));
      if (failure !== undefined) return failure;
    } finally {
      source.done();
    }
  }
  for (const q of queries.left) {
    const one = query.subarray(q * matrix.dimensions, (q + 1) * matrix.dimensions);
    const target = output.subarray(q * (end - start), (q + 1) * (end - start));
    const request = { operation: 'cosine-similarity', matrix, query: one, start, end, where } as const;
    const answer = await cpu.cosineSimilarity(request, target, signal);
    if (!answer.ok) return failures.of(answer.error.kind, answer.error.message);
  }
  return undefined;
}

/** @param counts receives how a companion was used */
export async function answerRanking(
  { slot, failures, cpu }: AnswerContext,
  prepared: PreparedTopK,
  output: TopKOutput,
  counts: { search?: SearchCounts | undefined },
  signal: AbortSignal | undefined,
  clock: RequestClock,
): Promise<Failure | undefined> {
  const { matrix, metric, start, end, where, count } = prepared;
  const query = prepared.query.slice();
  const candidates = prepared.candidates?.slice();
  const queries = deviceQueries(metric, query, matrix.dimensions);
  if (queries.numbers.length > 0) {
    const refusal = await slot.ready();
    if (refusal !== undefined) return refusal;
    const { place } = slot;
    const source = await openSource(place, failures, matrix, { start, end, where, candidates }, signal);
    if ('error' in source) return source;
    clock.uploaded();
    try {
      const { copy, selection, rowOf } = source;
      const scan = scanOf(place, failures, source, metric, signal, clock.times);
      const ranking = { prepared, query, selection, queries, copy, scan, cpu, rowOf, signal };
      const failure = await place.residents.makingRoom(() => rank(ranking, output));
      counts.search = scan.search;
      if (failure !== undefined) return failures.of(failure.error.kind, failure.error.message, failure.error);
    } finally {
      source.done();
    }
  }
  for (const q of queries.left) {
    const one = query.subarray(q * matrix.dimensions, (q + 1) * matrix.dimensions);
    const best = {
      indices: output.indices.subarray(q * count, (q + 1) * count),
      scores: output.scores.subarray(q * count, (q + 1) * count),
      count,
    };
    const range = { start, end, where, candidates };
    const request = { operation: 'top-k', matrix, query: one, k: count, metric, ...range } as const;
    const answer = await cpu.topK(request, best, signal);
    if (!answer.ok) return failures.of(answer.error.kind, answer.error.message);
  }
  return undefined;
}

/** @param activations those of the request, which nothing changes meanwhile */
export async function answerSpreading(
  { slot, failures }: AnswerContext,
  request: PreparedSpreadActivation,
  activations: Float32Array,
  output: Float32Array,
  signal: AbortSignal | undefined,
  clock: RequestClock,
): Promise<Failure | undefined> {
  const refused = await slot.ready();
  if (refused !== undefined) return refused;
  const { graph, start, end, hops, decay, retention, threshold } = request;
  const options = { activations, start, end, hops, decay, retention, threshold };
  const { gpu, residents } = slot.place;
  const failure = await residents.ensure(graph, signal);
  if (failure !== undefined) return failure;
  const source = residents.borrow(graph);
  if (source === undefined) return failures.of('fault', 'the copy of the graph was released meanwhile');
  clock.uploaded();
  try {
    if (!(source.copy instanceof GraphCopy)) return failures.of('fault', 'the copy is not one of a graph');
    const { copy } = source;
    return await residents.makingRoom(() => spread(gpu, failures, copy, options, output, signal, clock.times));
  } finally {
    source.done();
  }
}
