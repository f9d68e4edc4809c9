import type { Backend } from '@gearshift/contracts';
import type { Clock } from '../clock.js';
import { encodeAnnouncement, mostHeldShards, type Announcement } from '../messages/announcement.js';
import { encodeLoadAnswer, type LoadAnswer } from '../messages/load-order.js';
import type { ShardSpec } from '../messages/shard-spec.js';
import { isStayWanted } from '../messages/hand-over.js';
import { profileOf } from '../placement/profile.js';
import { queueOf, type Subjects } from '../subjects.js';
import type { ClusterTransport, IncomingMessage } from '../transport/transport.js';
import { LoadDesk } from './load-desk.js';
import { QueryDesk } from './query-desk.js';
import { ShardStore } from './shard-store.js';

export interface ClusterWorkerParts {
  readonly transport: ClusterTransport;
  /** Brings pushed rows; the same one where there is no other. */
  readonly bulk: ClusterTransport;
  readonly subjects: Subjects;
  readonly worker: string;
  readonly instance: number;
  readonly backend: Backend;
  /** Of a backend of its own. */
  readonly closeBackend: (() => Promise<void>) | undefined;
  readonly dataRoot: string | undefined;
  readonly maxBytes: number;
  readonly maxUnderWay: number;
  readonly announceEveryMs: number;
  readonly handOverMs: number;
  readonly clock: Clock;
}

/** Between two questions whether to stay. */
const HAND_OVER_STEP_MS = 250;
/** For the answers of all coordinators. */
const HAND_OVER_ANSWER_MS = 500;

/** Holds shards in a backend, and answers for them. No message makes it throw. */
export class ClusterWorker {
  readonly #parts: ClusterWorkerParts;
  readonly #store: ShardStore;
  readonly #queries: QueryDesk;
  readonly #loads: LoadDesk;
  readonly #ends: (() => void)[] = [];
  #sequence = 0;
  #isStarted = false;
  #isDraining = false;
  #mustHurry = false;
  #stopTimer = () => {};
  #closing: Promise<void> | undefined;

  constructor(parts: ClusterWorkerParts) {
    this.#parts = parts;
    const { backend, clock, instance, maxUnderWay, transport } = parts;
    const { maxPayloadBytes } = transport;
    this.#store = new ShardStore(parts.maxBytes, mostHeldShards(maxPayloadBytes));
    this.#queries = new QueryDesk({ backend, store: this.#store, clock, instance, maxPayloadBytes, maxUnderWay });
    this.#loads = new LoadDesk({
      store: this.#store,
      clock,
      dataRoot: parts.dataRoot,
      open: (spec) => this.#answerFor(spec),
      release: (operand) => backend.release?.(operand.kind === 'graph' ? operand.graph : operand.matrix),
      announce: () => this.#announce(),
    });
    this.#watch();
  }

  /**
   * Announces itself, once the messaging system knows what it watches.
   *
   * @throws TransportError with the reason `'denied'` when it may not
   */
  async start(): Promise<void> {
    const { transport, bulk, announceEveryMs, clock } = this.#parts;
    await bulk.confirmWatches?.();
    await transport.confirmWatches?.();
    this.#isStarted = true;
    const beat = () => {
      this.#announce();
      this.#stopTimer = clock.startTimer(announceEveryMs, beat);
    };
    if (this.#closing === undefined) beat();
  }

  /** The name of the worker. */
  get name(): string {
    return this.#parts.worker;
  }

  /** What it says of itself to the cluster. */
  describe(): Announcement {
    const { worker, instance, backend, maxBytes } = this.#parts;
    return {
      worker,
      instance,
      sequence: this.#sequence,
      profile: profileOf(backend.describe()),
      freeBytes: this.#store.freeBytes,
      maxBytes,
      isDraining: this.#isDraining,
      underWay: this.#queries.underWay,
      shards: Array.from(this.#store.shards, ({ spec }) => spec),
    };
  }

  /** Loads under way: shards that this worker was asked to hold, and does not hold yet. */
  get loading(): number {
    return this.#loads.loading;
  }

  /**
   * Takes no more shards, and answers queries until coordinators have brought its shards to other workers, where that is possible and
   * takes no longer than `handOverMs`. Then it takes no more queries, answers those under way, and closes.
   */
  drain(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  /** Ends the queries under way, and closes; also while it drains. The backend stays open if it was given. */
  close(): Promise<void> {
    this.#mustHurry = true;
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    this.#isDraining = true;
    this.#loads.drain();
    this.#announce();
    if (!this.#mustHurry) await this.#handOver();
    for (const end of this.#ends) end();
    this.#stopTimer();
    if (this.#mustHurry) this.#queries.abort();
    await this.#queries.finish();
    const { transport, bulk } = this.#parts;
    if (bulk !== transport) await bulk.drain();
    await transport.drain();
    this.#loads.close();
    await this.#parts.closeBackend?.();
  }

  /** Stays as long as a coordinator is about to bring shards from here to others. */
  async #handOver(): Promise<void> {
    const { clock, handOverMs } = this.#parts;
    const endMs = clock.nowMs() + handOverMs;
    while (!this.#mustHurry && clock.nowMs() < endMs && this.#store.count > 0) {
      if (!(await this.#isAwaited())) return;
      await new Promise<void>((resolve) => void clock.startTimer(HAND_OVER_STEP_MS, resolve));
    }
  }

  /** Whether any coordinator says so. Without one, the messaging system says at once that none is there. */
  async #isAwaited(): Promise<boolean> {
    const { transport, subjects, worker } = this.#parts;
    this.#sequence += 1;
    try {
      const options = { timeoutMs: HAND_OVER_ANSWER_MS };
      await transport.askAll(subjects.state(worker), encodeAnnouncement(this.describe()), options, isStayWanted);
      return true;
    } catch {
      return false;
    }
  }

  #watch(): void {
    const { transport, bulk, subjects, worker } = this.#parts;
    const watch = (subject: string, handler: (message: IncomingMessage) => void) =>
      void this.#ends.push(transport.watch(subject, {}, handler));
    watch(subjects.who, () => void this.#announce());
    watch(subjects.worker(worker, 'query'), (message) => this.#queries.direct(message));
    watch(subjects.worker(worker, 'cancel'), ({ data }) => this.#cancel(data));
    watch(subjects.worker(worker, 'load'), (message) => {
      // The message is valid only now, and reading a file takes longer.
      void this.#loads.load(message.data.slice()).then((answer) => respond(message, answer));
    });
    const takePiece = (message: IncomingMessage) => respond(message, this.#loads.push(message.data));
    this.#ends.push(bulk.watch(subjects.worker(worker, 'push'), {}, takePiece));
    watch(subjects.worker(worker, 'drop'), (message) => respond(message, this.#loads.drop(message.data)));
    this.#ends.push(
      transport.onConnection((isConnected) => {
        if (isConnected) this.#announce();
      }),
    );
  }

  /** Joins the queue group of a shard. */
  #answerFor(spec: ShardSpec): () => void {
    const { transport, subjects } = this.#parts;
    const subject = subjects.query(spec.key, spec.generation);
    const end = transport.watch(subject, { queue: queueOf(spec.shard) }, (message) => {
      this.#queries.broadcast(message, spec);
    });
    // A worker that leaves takes no queries any more, but answers those that came.
    this.#ends.push(end);
    return () => {
      end();
      this.#ends.splice(this.#ends.indexOf(end), 1);
    };
  }

  #cancel(data: Uint8Array): void {
    if (data.byteLength !== 8) return;
    this.#queries.cancel(new DataView(data.buffer, data.byteOffset, 8).getFloat64(0, true));
  }

  #announce(): number {
    const { transport, subjects, worker } = this.#parts;
    this.#sequence += 1;
    if (!this.#isStarted) return this.#sequence;
    try {
      transport.send(subjects.state(worker), encodeAnnouncement(this.describe()));
    } catch {
      // Without a connection, and again when there is one.
    }
    return this.#sequence;
  }
}

function respond(message: IncomingMessage, answer: LoadAnswer): void {
  message.respond(encodeLoadAnswer(answer));
}
