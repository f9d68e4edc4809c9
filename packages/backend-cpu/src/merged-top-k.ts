import {
  finishTopK,
  type BackendError,
  type PhaseTimes,
  type Result,
  type RowSetLike,
  type SearchCounts,
  type TopKOutput,
} from '@gearshift/contracts';
import { PreparedTopK } from '@gearshift/contracts/internal';
import { ADDON_STATUS } from '@gearshift/native-kit';
import { failures, failWithStatus } from './backend-errors.js';

/** Queries of one pass. More would make every request of a pass wait longer without being answered any faster. */
const MOST_QUERIES = 256;
/** Entries of one pass, which take memory until it ends. */
const MOST_ENTRIES = 2 ** 22;

type Answer = Result<PhaseTimes, BackendError>;

/** Ranks one request, without ending it: see `finishTopK`. */
type Rank = (request: PreparedTopK, output: TopKOutput, signal: AbortSignal | undefined) => Promise<Answer>;

/** A request that waits for the pass before it. */
interface Waiting {
  readonly request: PreparedTopK;
  /** A copy: the caller may change the query as soon as the call has returned. */
  readonly query: Float32Array;
  readonly output: TopKOutput;
  readonly calledAtMs: number;
  readonly signal: AbortSignal | undefined;
  /** Has no effect on a request that was settled, such as by an abort. */
  settle(answer: Answer): void;
  /** For a caller's mistake. */
  fail(error: unknown): void;
}

/** A scan that is under way, and the requests that the next one will answer. */
interface Pass {
  readonly request: PreparedTopK;
  readonly waiting: Waiting[];
}

/**
 * Answers requests that arrive while the same rows are being scanned with one further scan for all of them. A request that
 * finds no scan under way starts at once. Each request keeps its own k, minimum score, output and signal, and its ranking has
 * the bits that it has alone, because the scores of a row do not depend on the other queries of a pass.
 */
export class MergedTopK {
  readonly #rank: Rank;
  /** Few at a time: one for each version and metric that is being scanned. */
  readonly #passes: Pass[] = [];

  constructor(rank: Rank) {
    this.#rank = rank;
  }

  async run(request: PreparedTopK, output: TopKOutput, signal: AbortSignal | undefined): Promise<Answer> {
    const current = this.#passes.find((pass) => scansTheSame(pass.request, request));
    if (current !== undefined) return wait(current, request, output, signal);
    const pass: Pass = { request, waiting: [] };
    this.#passes.push(pass);
    try {
      const answer = await this.#rank(request, output, signal);
      if (answer.ok) finishTopK(request, output, output.search);
      return answer;
    } finally {
      this.#startNext(pass);
    }
  }

  #startNext(pass: Pass): void {
    const group = takeGroup(pass.waiting);
    if (group.length === 0) this.#passes.splice(this.#passes.indexOf(pass), 1);
    else void this.#runGroup(group).finally(() => this.#startNext(pass));
  }

  /** Never rejects: an error of the pass is that of each of its requests. */
  async #runGroup(group: readonly Waiting[]): Promise<void> {
    const { signal, stopListening } = abortedWhenAllAre(group);
    try {
      const merged = mergeRequests(group);
      const output: TopKOutput = {
        indices: new Uint32Array(merged.outputLength),
        scores: new Float32Array(merged.outputLength),
        count: 0,
      };
      const answer = await this.#rank(merged, output, signal);
      if (!answer.ok && group.length > 1 && answer.error.kind !== 'aborted') {
        await this.#runApart(group);
        return;
      }
      let query = 0;
      for (const waiting of group) {
        deliver(waiting, merged, output, query, answer, group.length);
        query += waiting.request.queries;
      }
    } catch (error) {
      for (const { fail } of group) fail(error);
    } finally {
      stopListening();
    }
  }

  /** What fails for all together, such as for lack of memory, may succeed for each. */
  async #runApart(group: readonly Waiting[]): Promise<void> {
    for (const waiting of group) await this.#runGroup([waiting]);
  }
}

function scansTheSame(a: PreparedTopK, b: PreparedTopK): boolean {
  return (
    a.matrix === b.matrix &&
    a.metric === b.metric &&
    a.start === b.start &&
    a.end === b.end &&
    haveSameRows(a.where, b.where)
  );
}

/** Each request has a copy of its set, so sets are compared by their contents: a comparison costs far less than a scan. */
function haveSameRows(a: RowSetLike | undefined, b: RowSetLike | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && bytesOf(a).equals(bytesOf(b)));
}

function bytesOf({ words: { buffer, byteOffset, byteLength } }: RowSetLike): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

function wait(
  { waiting }: Pass,
  request: PreparedTopK,
  output: TopKOutput,
  signal: AbortSignal | undefined,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      const index = waiting.indexOf(entry);
      if (index >= 0) waiting.splice(index, 1);
      resolve(failures.aborted());
    };
    const entry: Waiting = {
      ...{ request, query: request.query.slice(), output, calledAtMs: performance.now(), signal },
      settle(answer) {
        signal?.removeEventListener('abort', abort);
        resolve(signal?.aborted === true ? failures.aborted() : answer);
      },
      fail(error) {
        signal?.removeEventListener('abort', abort);
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- the error of the caller's mistake, as it was thrown
        reject(error);
      },
    };
    waiting.push(entry);
    signal?.addEventListener('abort', abort, { once: true });
  });
}

/** The first waiting requests, at least one, that fit into one pass. */
function takeGroup(waiting: Waiting[]): readonly Waiting[] {
  let [queries, count, taken] = [0, 0, 0];
  for (const { request } of waiting) {
    queries += request.queries;
    count = Math.max(count, request.count);
    if (taken > 0 && (queries > MOST_QUERIES || queries * count > MOST_ENTRIES)) break;
    taken += 1;
  }
  return waiting.splice(0, taken);
}

/** The queries of all requests, with the largest k of them: the first entries of a ranking are those of a smaller k. */
function mergeRequests(group: readonly Waiting[]): PreparedTopK {
  const [{ request: first }] = group;
  const { matrix, start, end, metric, where } = first;
  const queries = group.reduce((sum, { request }) => sum + request.queries, 0);
  const joined = new Float32Array(queries * matrix.dimensions);
  let offset = 0;
  for (const { query } of group) {
    joined.set(query, offset);
    offset += query.length;
  }
  const k = Math.max(...group.map(({ request }) => request.count));
  return new PreparedTopK(matrix, joined, start, end, k, metric, undefined, where, undefined);
}

/** Writes the entries of one request to its output, and ends the request. */
function deliver(
  { request, output, calledAtMs, settle, fail }: Waiting,
  merged: PreparedTopK,
  { indices, scores, search }: TopKOutput,
  firstQuery: number,
  answer: Answer,
  mergedRequests: number,
): void {
  if (!answer.ok) {
    settle(answer);
    return;
  }
  const { queries, count } = request;
  try {
    // The memory may have been transferred meanwhile. The length of such an array can be wrong in V8 11.3, its bytes are not.
    const bytes = queries * count * Float32Array.BYTES_PER_ELEMENT;
    if (output.indices.byteLength < bytes || output.scores.byteLength < bytes)
      void failWithStatus(ADDON_STATUS.outputGone);
    for (let query = 0; query < queries; query++) {
      const from = (firstQuery + query) * merged.count;
      output.indices.set(indices.subarray(from, from + count), query * count);
      output.scores.set(scores.subarray(from, from + count), query * count);
    }
    finishTopK(request, output, search === undefined ? undefined : shareOf(search, queries / merged.queries));
  } catch (error) {
    fail(error);
    return;
  }
  const { kernelMs, uploadMs } = answer.value;
  const totalMs = performance.now() - calledAtMs;
  const ownMs = (kernelMs * queries) / merged.queries;
  const queueMs = Math.max(0, totalMs - ownMs - uploadMs);
  const times = { queueMs, uploadMs, kernelMs: ownMs, downloadMs: 0, totalMs, fused: uploadMs === 0 };
  settle({ ok: true, value: mergedRequests === 1 ? times : { ...times, mergedRequests } });
}

/** The counts of a pass are those of all its queries together. */
function shareOf({ scanned, examined, rescored, way }: SearchCounts, share: number): SearchCounts {
  const counts = {
    scanned: Math.round(scanned * share),
    examined: Math.round(examined * share),
    rescored: Math.round(rescored * share),
  };
  return way === undefined ? counts : { ...counts, way };
}

/** A pass goes on for as long as one of its requests wants the answer. */
function abortedWhenAllAre(group: readonly Waiting[]): { signal: AbortSignal | undefined; stopListening: () => void } {
  if (group.some(({ signal }) => signal === undefined)) return { signal: undefined, stopListening() {} };
  const controller = new AbortController();
  const check = () => {
    if (group.every(({ signal }) => signal?.aborted)) controller.abort();
  };
  for (const { signal } of group) signal?.addEventListener('abort', check);
  check();
  return {
    signal: controller.signal,
    stopListening() {
      for (const { signal } of group) signal?.removeEventListener('abort', check);
    },
  };
}
