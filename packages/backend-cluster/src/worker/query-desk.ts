import type { Backend, SyncBackend } from '@gearshift/contracts';
import type { Clock } from '../clock.js';
import type { ShardSpec } from '../messages/shard-spec.js';
import { storedId } from '../queries/frontier-form.js';
import { NO_FILTER } from '../queries/query-part.js';
import { publishAnswer } from '../queries/publish-shard.js';
import type { IncomingMessage } from '../transport/transport.js';
import { encodeAnswer, type AnswerHeader, type AnswerStatus } from '../wire/answer.js';
import { decodeFrontierPiece, isFrontierPiece } from '../wire/frontier-piece.js';
import { decodeQuery, QueryMemory, type ShardQuery } from '../wire/query.js';
import { EVERY_SHARD } from '../wire/wire-limits.js';
import { computeAnswer, computeNow, isShortScan, rangeOf, type Computed } from './compute-answer.js';
import { FrontierStore } from './frontier-store.js';
import type { HeldShard } from './held-shard.js';
import type { ShardStore } from './shard-store.js';

export interface QueryDeskParts {
  readonly backend: Backend;
  readonly store: ShardStore;
  readonly clock: Clock;
  readonly instance: number;
  readonly maxPayloadBytes: number;
  readonly maxUnderWay: number;
}

interface UnderWay {
  readonly id: number;
  readonly controller: AbortController;
  isExpired: boolean;
}

const NOTHING: Omit<Computed, 'status'> = { count: 0 };

/** Answers queries: from exactly the generation that they name, and in time, or not at all. */
export class QueryDesk {
  readonly #parts: QueryDeskParts;
  readonly #underWay = new Set<UnderWay>();
  readonly #answers = new Set<Promise<void>>();
  readonly #frontiers: FrontierStore;
  /** What answers short queries at once. */
  readonly #atOnce: SyncBackend | undefined;
  /** Of the query that was decoded last. */
  readonly #memory = new QueryMemory();

  constructor(parts: QueryDeskParts) {
    this.#parts = parts;
    this.#frontiers = new FrontierStore(parts.store, parts.clock);
    this.#atOnce = isSyncCpu(parts.backend) ? parts.backend : undefined;
  }

  get underWay(): number {
    return this.#underWay.size;
  }

  /** A query that was sent to this worker. */
  direct(message: IncomingMessage): void {
    if (isFrontierPiece(message.data)) {
      this.#takeFrontier(message);
      return;
    }
    const query = decodeQuery(message.data, this.#memory);
    if (typeof query === 'string') {
      this.#refuse(message, undefined, EVERY_SHARD, 'invalid-input');
      return;
    }
    const shard = this.#parts.store.find(query);
    if (shard === undefined) {
      this.#refuse(message, query, query.shard, 'stale');
      return;
    }
    const { start, end } = rangeOf(query, shard);
    if (start >= end) {
      this.#refuse(message, query, query.shard, 'invalid-input');
      return;
    }
    this.#begin(message, query, shard);
  }

  /** A query to one holder of each shard, which came through the queue group of this one. */
  broadcast(message: IncomingMessage, held: Pick<ShardSpec, 'key' | 'generation' | 'shard'>): void {
    const query = decodeQuery(message.data, this.#memory);
    if (typeof query === 'string') {
      this.#refuse(message, undefined, EVERY_SHARD, 'invalid-input');
      return;
    }
    const isSame = query.shard === EVERY_SHARD && query.key === held.key && query.generation === held.generation;
    if (!isSame) {
      this.#refuse(message, query, held.shard, 'invalid-input');
      return;
    }
    const shard = this.#parts.store.find(held);
    if (shard === undefined) {
      this.#refuse(message, query, held.shard, 'stale');
      return;
    }
    const { start, end } = rangeOf(query, shard);
    // Without rows of this shard, for which no answer is expected.
    if (start < end) this.#begin(message, query, shard);
  }

  /** Ends the queries with this id. */
  cancel(id: number): void {
    for (const work of this.#underWay) if (work.id === id) work.controller.abort();
    this.#frontiers.drop(id);
  }

  /** Resolves when every query is answered. */
  async finish(): Promise<void> {
    while (this.#answers.size > 0) await Promise.allSettled(this.#answers);
    this.#frontiers.close();
  }

  /** Ends all queries. */
  abort(): void {
    for (const { controller } of this.#underWay) controller.abort();
  }

  #takeFrontier(message: IncomingMessage): void {
    const piece = decodeFrontierPiece(message.data);
    const status = typeof piece === 'string' ? 'invalid-input' : this.#frontiers.add(piece);
    this.#refuse(message, undefined, EVERY_SHARD, status);
  }

  /** @param given valid only now */
  #begin(message: IncomingMessage, given: ShardQuery, shard: HeldShard): void {
    const { store, clock, maxPayloadBytes, maxUnderWay } = this.#parts;
    if (this.#underWay.size >= maxUnderWay) {
      this.#refuse(message, given, shard.spec.shard, 'overloaded');
      return;
    }
    if (this.#atOnce !== undefined && isShortScan(given, shard)) {
      const startedAtMs = performance.now();
      const endUse = store.use(shard, clock.nowMs());
      const computed = computeNow(this.#atOnce, shard, given, maxPayloadBytes);
      endUse();
      this.#respondFrom(message, given, shard, computed.status, computed);
      publishAnswer(given, shard.spec.shard, computed.status, performance.now() - startedAtMs);
      return;
    }
    const query = given.filter === 'stored' ? this.#withStored(given) : decodeQuery(message.data);
    if (query === undefined || typeof query === 'string') {
      // Another holder may have all of its activations.
      this.#refuse(message, given, shard.spec.shard, 'overloaded');
      return;
    }
    const answering = this.#answer(message, query, shard).finally(() => this.#answers.delete(answering));
    this.#answers.add(answering);
  }

  /** The query with its activations, if they have come. */
  #withStored(query: ShardQuery): ShardQuery | undefined {
    const numbers = this.#frontiers.find(storedId(query.rows), query.dimensions);
    return numbers === undefined ? undefined : { ...query, filter: 'all', rows: NO_FILTER, numbers };
  }

  async #answer(message: IncomingMessage, query: ShardQuery, shard: HeldShard): Promise<void> {
    const { backend, store, clock, maxPayloadBytes } = this.#parts;
    const startedAtMs = performance.now();
    const work: UnderWay = { id: query.id, controller: new AbortController(), isExpired: false };
    this.#underWay.add(work);
    const endUse = store.use(shard, clock.nowMs());
    const stopTimer = clock.startTimer(query.budgetMs, () => {
      work.isExpired = true;
      work.controller.abort();
    });
    const computed = await computeAnswer(backend, shard, query, maxPayloadBytes, work.controller.signal);
    stopTimer();
    endUse();
    this.#underWay.delete(work);
    const status = computed.status === 'aborted' && work.isExpired ? 'expired' : computed.status;
    this.#respondFrom(message, query, shard, status, computed);
    publishAnswer(query, shard.spec.shard, status, performance.now() - startedAtMs);
  }

  #respondFrom(
    message: IncomingMessage,
    query: ShardQuery,
    shard: HeldShard,
    status: AnswerStatus,
    computed: Computed,
  ): void {
    const { start, end } = rangeOf(query, shard);
    this.#respond(message, query, shard.spec.shard, status, computed, start, end);
  }

  #refuse(message: IncomingMessage, query: ShardQuery | undefined, shard: number, status: AnswerStatus): void {
    this.#respond(message, query, shard, status, NOTHING, query?.start ?? 0, query?.end ?? 0);
  }

  #respond(
    message: IncomingMessage,
    query: ShardQuery | undefined,
    shard: number,
    status: AnswerStatus,
    { count, indices, scores, times }: Omit<Computed, 'status'>,
    start: number,
    end: number,
  ): void {
    const header: AnswerHeader = {
      status,
      operation: query?.operation ?? 'top-k',
      shard,
      id: query?.id ?? 0,
      generation: query?.generation ?? 0,
      instance: this.#parts.instance,
      queries: query?.queries ?? 0,
      start,
      end,
      count,
      kernelMs: (times?.uploadMs ?? 0) + (times?.kernelMs ?? 0) + (times?.downloadMs ?? 0),
      queueMs: times?.queueMs ?? 0,
      underWay: this.#underWay.size,
    };
    message.respond(encodeAnswer(header, indices, scores));
  }
}

function isSyncCpu(backend: Backend): backend is SyncBackend {
  return backend.kind === 'cpu' && 'topKSync' in backend && 'cosineSimilaritySync' in backend;
}
