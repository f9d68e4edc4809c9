import type { Backend } from '@gearshift/contracts';
import type { Clock } from '../clock.js';
import { encodeAnnouncement, mostHeldShards, type Announcement } from '../messages/announcement.js';
import { encodeLoadAnswer, type LoadAnswer } from '../messages/load-order.js';
import type { ShardSpec } from '../messages/shard-spec.js';
import { profileOf } from '../placement/profile.js';
import { queueOf, type Subjects } from '../subjects.js';
import type { ClusterTransport, IncomingMessage } from '../transport/transport.js';
import { LoadDesk } from './load-desk.js';
import { QueryDesk } from './query-desk.js';
import { ShardStore } from './shard-store.js';

export interface ClusterWorkerParts {
  readonly transport: ClusterTransport;
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
  readonly clock: Clock;
}

/** Holds shards in a backend, and answers for them. No message makes it throw. */
export class ClusterWorker {
  readonly #parts: ClusterWorkerParts;
  readonly #store: ShardStore;
  readonly #queries: QueryDesk;
  readonly #loads: LoadDesk;
  readonly #ends: (() => void)[] = [];
  #sequence = 0;
  #isDraining = false;
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

  /** Takes no more shards and queries, answers the queries under way, and closes. */
  drain(): Promise<void> {
    this.#closing ??= this.#end(false);
    return this.#closing;
  }

  /** Ends the queries under way, and closes. The backend stays open if it was given. */
  close(): Promise<void> {
    this.#closing ??= this.#end(true);
    return this.#closing;
  }

  async #end(isNow: boolean): Promise<void> {
    this.#isDraining = true;
    this.#announce();
    for (const end of this.#ends) end();
    this.#stopTimer();
    if (isNow) this.#queries.abort();
    this.#loads.drain();
    await this.#queries.finish();
    await this.#parts.transport.drain();
    this.#loads.close();
    await this.#parts.closeBackend?.();
  }

  #watch(): void {
    const { transport, subjects, worker, announceEveryMs, clock } = this.#parts;
    const watch = (subject: string, handler: (message: IncomingMessage) => void) =>
      void this.#ends.push(transport.watch(subject, {}, handler));
    watch(subjects.who, () => void this.#announce());
    watch(subjects.worker(worker, 'query'), (message) => this.#queries.direct(message));
    watch(subjects.worker(worker, 'cancel'), ({ data }) => this.#cancel(data));
    watch(subjects.worker(worker, 'load'), (message) => {
      // The message is valid only now, and reading a file takes longer.
      void this.#loads.load(message.data.slice()).then((answer) => respond(message, answer));
    });
    watch(subjects.worker(worker, 'push'), (message) => respond(message, this.#loads.push(message.data)));
    watch(subjects.worker(worker, 'drop'), (message) => respond(message, this.#loads.drop(message.data)));
    this.#ends.push(
      transport.onConnection((isConnected) => {
        if (isConnected) this.#announce();
      }),
    );
    const beat = () => {
      this.#announce();
      this.#stopTimer = clock.startTimer(announceEveryMs, beat);
    };
    beat();
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
