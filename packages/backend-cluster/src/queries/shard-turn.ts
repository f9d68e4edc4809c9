import type { LatencyWindow } from '../placement/latency-window.js';
import { PROBE_EVERY_MS } from '../placement/probe-worker.js';
import type { KnownWorker } from '../placement/worker-directory.js';
import { reasonOf } from '../transport/reason-of.js';
import type { TransportErrorReason } from '../transport/transport.js';
import { decodeAnswerHeader, readAnswer, type AnswerHeader } from '../wire/answer.js';
import { encodeQuery } from '../wire/query.js';
import { kindOf, questionOf, queryToPart, type AskedQuery } from './asked-query.js';
import { bestHolder } from './best-holder.js';
import { DeathWatch, type Ask } from './death-watch.js';
import { publishHedge, publishShard } from './publish-shard.js';
import type { HedgeTimer, Waiting } from './hedge-timer.js';
import type { QueryContext } from './query-context.js';
import type { QueryPart } from './query-part.js';
import { QuestionEnd } from './question-end.js';
import { sendCancel } from './send-cancel.js';
import { FAILURES, type TurnEnd, type TurnFailure } from './turn-end.js';
import { MOST_FAILURES, mostVisits } from './visit-limits.js';

/** One part of a query, until one of the holders of its shard has answered it. */
export class ShardTurn implements Waiting {
  readonly part: QueryPart;
  /** When another worker is asked, or it is found out whether those that were asked are still there. */
  dueAtMs = Infinity;
  readonly #context: QueryContext;
  readonly #query: AskedQuery;
  readonly #count: number;
  readonly #latencies: LatencyWindow;
  readonly #hedges: HedgeTimer;
  readonly #onEnd: (end: TurnEnd) => void;
  readonly #deaths: DeathWatch;
  readonly #asked = new Set<KnownWorker>();
  /** Queries to single workers under way. */
  readonly #asks = new Map<KnownWorker, Ask>();
  #isSettled = false;
  #isBroadcast = false;
  #broadcastIsUnderWay = false;
  /** Queries that may have harmed a worker: those that it refused did not. */
  #visits = 0;
  #failures = 0;
  /** Holders when the broadcast was sent, of which it reached one. */
  #reachable: readonly KnownWorker[] = [];
  #lastFailure: TurnFailure | undefined;

  /**
   * @param count entries of each query in the answer
   * @param onEnd called once
   */
  constructor(
    context: QueryContext,
    query: AskedQuery,
    part: QueryPart,
    count: number,
    hedges: HedgeTimer,
    onEnd: (end: TurnEnd) => void,
  ) {
    this.#context = context;
    this.#deaths = new DeathWatch(context);
    this.#query = query;
    this.part = part;
    this.#count = count;
    this.#hedges = hedges;
    this.#onEnd = onEnd;
    this.#latencies = query.placement.latenciesOf(part.spec.shard, kindOf(query.head, part));
  }

  /** Asks the best holder. */
  begin(): void {
    this.#askNext();
  }

  /** A broadcast is under way, which also asks a holder of this shard. */
  beginWithBroadcast(nowMs: number): void {
    this.#isBroadcast = true;
    this.#broadcastIsUnderWay = true;
    this.#visits = 1;
    this.#reachable = this.#context.directory.everyHolder(this.part.spec);
    this.#startHedge(nowMs);
  }

  /** An answer to the broadcast came from the shard. */
  offer(bytes: Uint8Array, header: AnswerHeader): void {
    // One holder was asked, so that further answers are repetitions.
    if (this.#isSettled || !this.#broadcastIsUnderWay) return;
    const worker = this.#context.directory.byInstance(header.instance);
    if (worker !== undefined) this.#asked.add(worker);
    // Its bits might be others.
    const { id, placement } = this.#query;
    if (worker?.profile === placement.profile) this.#judge(bytes, header, id, worker);
    else this.#unknown(id);
  }

  /** There will be no more answers to the broadcast. */
  broadcastEnded(reason: TransportErrorReason): void {
    this.#broadcastIsUnderWay = false;
    if (!this.#isSettled) this.#failedToReach(reason, 'a worker');
  }

  abort(): void {
    this.#end({ failure: { kind: 'aborted', message: 'the request was aborted' } });
  }

  /** The next holder that was not asked; without one, and without an answer to wait for, the turn fails. */
  #askNext(): void {
    const worker = this.#mayVisit ? this.#nextHolder() : undefined;
    if (worker !== undefined) {
      this.#ask(worker);
      return;
    }
    if (this.#asks.size > 0) return;
    // Where there is no holder any more, there is none that a broadcast could have reached.
    const { directory } = this.#context;
    if (this.#broadcastIsUnderWay && directory.holders(this.part.spec).length > 0) return;
    this.#end({ failure: this.#lastFailure ?? this.#withoutHolder() });
  }

  #nextHolder(): KnownWorker | undefined {
    return bestHolder(this.#context, this.#query.placement, this.part.spec, this.#asked);
  }

  #ask(worker: KnownWorker): void {
    const { transport, subjects, clock, timeoutMs, nextId } = this.#context;
    const nowMs = clock.nowMs();
    const budgetMs = timeoutMs - (nowMs - this.#query.startedAtMs);
    if (budgetMs <= 0) {
      this.#end({ failure: { kind: 'timeout', message: this.#late() } });
      return;
    }
    const id = nextId();
    const question = new QuestionEnd();
    this.#asked.add(worker);
    this.#asks.set(worker, { id, question });
    worker.underWay += 1;
    this.#visits += 1;
    const message = encodeQuery(queryToPart(this.#query, this.part, id, budgetMs));
    const options = { timeoutMs: budgetMs, signal: question };
    transport.ask(subjects.worker(worker.worker, 'query'), message, options).then(
      (bytes) => {
        this.#asks.delete(worker);
        if (this.#isSettled) return;
        const header = decodeAnswerHeader(bytes);
        if (typeof header === 'string') this.#wrong(worker, header, id);
        else if (header.instance !== worker.instance) {
          // It was started anew, and holds nothing of before.
          this.#context.directory.forget(worker.worker);
          this.#unknown(id);
        } else this.#judge(bytes, header, id, worker);
      },
      (error: unknown) => {
        // Given up already, because it is gone.
        if (!this.#asks.delete(worker)) return;
        worker.underWay = Math.max(0, worker.underWay - 1);
        if (this.#isSettled) return;
        const reason = reasonOf(error);
        if (reason === 'no-receiver') this.#context.directory.forget(worker.worker);
        this.#failedToReach(reason, `worker ${worker.worker}`);
      },
    );
    this.#startHedge(nowMs);
  }

  #judge(bytes: Uint8Array, header: AnswerHeader, id: number, worker: KnownWorker): void {
    const { directory } = this.#context;
    const { status } = header;
    if (status === 'ok') {
      const { start, end, spec } = this.part;
      const query = questionOf(this.#query, this.part, id);
      const answer = readAnswer(bytes, header, { query, shard: spec.shard, start, end, count: this.#count });
      if (typeof answer === 'string') {
        this.#wrong(worker, answer, id);
        return;
      }
      directory.trust(worker, header.underWay);
      this.#end({ answer }, id === this.#query.id ? undefined : worker);
      return;
    }
    this.#answeredBroadcast(id);
    worker.underWay = header.underWay;
    if (status === 'stale') directory.noteMissing(worker, this.part.spec);
    const message = `worker ${worker.worker} answered '${status}' for shard ${this.part.spec.shard}`;
    this.#failed({ kind: FAILURES[status], message }, status === 'stale' || status === 'overloaded');
  }

  /** An answer that cannot be right. */
  #wrong(worker: KnownWorker | undefined, problem: string, id: number): void {
    if (worker !== undefined) this.#context.directory.suspect(worker);
    this.#answeredBroadcast(id);
    const name = worker === undefined ? 'an unknown worker' : `worker ${worker.worker}`;
    this.#failed({ kind: 'invalid-result', message: `${name}, shard ${this.part.spec.shard}: ${problem}` });
  }

  /** A process has answered that has not announced itself. */
  #unknown(id: number): void {
    this.#answeredBroadcast(id);
    const message = `a process that has not announced itself answered for shard ${this.part.spec.shard}`;
    this.#failed({ kind: 'stale', message }, true);
  }

  /** The one holder that a broadcast reached has answered, so that there is nothing more to wait for. */
  #answeredBroadcast(id: number): void {
    if (id === this.#query.id) this.#broadcastIsUnderWay = false;
  }

  /** @param isHarmless the worker did not begin */
  #failed(failure: TurnFailure, isHarmless = false): void {
    this.#lastFailure = failure;
    if (isHarmless) this.#visits -= 1;
    else this.#failures += 1;
    if (this.#failures >= MOST_FAILURES) {
      this.#end({ failure });
      return;
    }
    this.#askNext();
  }

  #failedToReach(reason: TransportErrorReason, receiver: string): void {
    const { spec } = this.part;
    if (reason === 'timeout') {
      this.#lastFailure = { kind: 'timeout', message: this.#late() };
    } else {
      const message = `${receiver} with shard ${spec.shard} cannot be reached: ${reason}`;
      this.#lastFailure = { kind: 'unreachable', message };
    }
    // Without a connection, the next holder cannot be reached either; after the time is up it need not be.
    const isOver = reason === 'disconnected' || reason === 'closed' || reason === 'too-large' || reason === 'denied';
    if (isOver) {
      this.#end({ failure: this.#lastFailure });
      return;
    }
    if (reason === 'no-receiver') {
      this.#visits -= 1;
      this.#askNext();
      return;
    }
    if (this.#asks.size === 0 && !this.#broadcastIsUnderWay) this.#end({ failure: this.#lastFailure });
  }

  #startHedge(nowMs: number): void {
    const { hedgeFloorMs, hedgeStartMs } = this.#context;
    const p95 = this.#latencies.p95();
    const delayMs = Math.max(hedgeFloorMs, Number.isNaN(p95) ? hedgeStartMs : p95);
    this.#wait(nowMs, delayMs);
  }

  #wait(nowMs: number, delayMs: number): void {
    this.dueAtMs = nowMs + delayMs;
    this.#hedges.set(this.dueAtMs);
  }

  get #mayVisit(): boolean {
    return this.#visits < mostVisits(this.#context.replicas, this.#isBroadcast);
  }

  /** Those that were asked are slow, or gone. */
  isLate(): void {
    const isWaiting = (ask?: Ask) => !this.#isSettled && (ask !== undefined || this.#broadcastIsUnderWay);
    const reachable = this.#broadcastIsUnderWay ? this.#reachable : [];
    this.#deaths.look(this.#asks, reachable, isWaiting, (worker, ask) => this.#died(worker, ask));
    if (this.#mayVisit && this.#hedge()) return;
    // A worker may also end later.
    this.#wait(this.#context.clock.nowMs(), PROBE_EVERY_MS);
  }

  #died(worker: KnownWorker, ask: Ask | undefined): void {
    if (ask !== undefined) this.#asks.delete(worker);
    ask?.question.abort();
    const { isQueryAtFault } = this.#deaths;
    const message = `worker ${worker.worker} ended while it had a query to shard ${this.part.spec.shard}`;
    this.#lastFailure = { kind: isQueryAtFault ? 'fault' : 'unreachable', message };
    if (isQueryAtFault) this.#end({ failure: this.#lastFailure });
    else this.#askNext();
  }

  /** @returns whether another worker was asked */
  #hedge(): boolean {
    const { backend, clock, directory } = this.#context;
    const worker = this.#nextHolder();
    if (worker === undefined) return false;
    for (const asked of this.#asks.keys()) directory.suspect(asked);
    publishHedge(backend, this.#query, this.part.spec.shard, clock.nowMs() - this.#query.startedAtMs);
    this.#ask(worker);
    return true;
  }

  /** @param hedge the worker that answered although a broadcast was under way */
  #end(end: TurnEnd, hedge?: KnownWorker): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.dueAtMs = Infinity;
    const { clock, transport, subjects, directory } = this.#context;
    const latencyMs = clock.nowMs() - this.#query.startedAtMs;
    if ('answer' in end) this.#latencies.add(latencyMs);
    if (hedge !== undefined && this.#broadcastIsUnderWay) {
      // Of two holders, the broadcast has reached the other one.
      const others = directory.holders(this.part.spec).filter((other) => other !== hedge);
      if (others.length === 1) directory.suspect(others[0]);
    }
    for (const [late, { id, question }] of this.#asks) {
      question.abort();
      sendCancel(transport, subjects.worker(late.worker, 'cancel'), id);
    }
    publishShard(this.#context.backend, this.#query, this.part.spec.shard, end, latencyMs, this.#visits);
    this.#onEnd(end);
  }

  #withoutHolder(): TurnFailure {
    return { kind: 'unreachable', message: `no live worker holds shard ${this.part.spec.shard}` };
  }

  #late(): string {
    return `shard ${this.part.spec.shard} did not answer within ${this.#context.timeoutMs} ms`;
  }
}
