import { setTimeout as sleep } from 'node:timers/promises';
import { describeThrown } from '@gearshift/contracts/internal';
import type { Msg, NatsConnection, Status, Subscription } from '@nats-io/transport-node';
import { TransportError, type AskOptions, type ClusterTransport, type IncomingMessage } from '../transport.js';
import { ConnectError, explain } from './connect-error.js';
import { MessageCopies } from './message-copies.js';
import { OpenQuestions } from './open-questions.js';
import { Unanswered } from './unanswered.js';
import { UnconfirmedBytes } from './unconfirmed-bytes.js';

/** How long a drain waits for the server. */
const DRAIN_MS = 5000;
/** And for answers of handlers. Some never come: those to queries that were cancelled. */
const ANSWERS_MS = 1000;
const DRAIN_TURN_MS = 10;
/** A server that is slower says later what it refuses, with a warning. */
const CONFIRM_MS = 2000;
const NO_RECEIVERS = 503;
const WARN_EVERY_MS = 10_000;

/**
 * A connection to NATS. Answers arrive at one subject with a token for each question, counted here: the client's own requests would
 * wait for their timeouts when the connection is lost, and copy nothing out of the buffers of sockets.
 */
export class NatsTransport implements ClusterTransport {
  readonly #client: NatsConnection;
  readonly #openBeside: () => Promise<ClusterTransport>;
  /** Subjects that the server does not let this process watch. */
  readonly #refused = new Set<string>();
  readonly #inbox: string;
  readonly #questions = new OpenQuestions();
  readonly #sent = new MessageCopies();
  readonly #answers = new MessageCopies();
  readonly #unanswered = new Unanswered(ANSWERS_MS);
  readonly #unconfirmed: UnconfirmedBytes;
  readonly #subscriptions = new Set<Subscription>();
  readonly #listeners = new Set<(connected: boolean) => void>();
  #readsAnswers = false;
  #isOnline = true;
  #warnedAtMs = -Infinity;
  #isClosed = false;
  #maxPayloadBytes: number;
  #draining: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  /**
   * @param inbox a subject below which this party alone may subscribe
   * @param openBeside opens another connection of this party
   */
  constructor(client: NatsConnection, inbox: string, openBeside: () => Promise<ClusterTransport>) {
    this.#client = client;
    this.#openBeside = openBeside;
    this.#inbox = inbox;
    this.#unconfirmed = new UnconfirmedBytes(() => client.flush());
    this.#maxPayloadBytes = client.info?.max_payload ?? 0;
    void this.#followStatus();
  }

  get connected(): boolean {
    return this.#isOnline && !this.#isClosed;
  }

  get maxPayloadBytes(): number {
    return this.#maxPayloadBytes;
  }

  async ask(subject: string, data: Uint8Array, options: AskOptions): Promise<Uint8Array> {
    let first: Uint8Array | undefined;
    await this.askAll(subject, data, options, (answer) => {
      first = answer;
      return true;
    });
    return first ?? new Uint8Array();
  }

  async askAll(
    subject: string,
    data: Uint8Array,
    options: AskOptions,
    onAnswer: (data: Uint8Array) => boolean,
  ): Promise<void> {
    this.#requireSendable(data);
    await this.#questions.ask(
      subject,
      options,
      (token) => {
        if (!this.#readsAnswers) this.#readAnswers();
        this.#publish(subject, data, `${this.#inbox}.${token}`);
      },
      onAnswer,
    );
  }

  send(subject: string, data: Uint8Array): void {
    this.#requireSendable(data);
    this.#publish(subject, data);
  }

  watch(
    subject: string,
    { queue }: { readonly queue?: string },
    handler: (message: IncomingMessage) => void,
  ): () => void {
    if (this.#isClosed || this.#draining !== undefined) throw new TransportError('closed', 'the connection is closed');
    if (queue !== undefined && !/^[^\s]+$/.test(queue)) {
      throw new TypeError(`queue: expected a name without spaces, got '${queue}'`);
    }
    const subscription = this.#client.subscribe(subject, {
      ...(queue !== undefined && { queue }),
      callback: (error, message) => {
        if (error === null) this.#deliver(message, handler);
        else {
          this.#refused.add(subject);
          warn('GEARSHIFT_DENIED', `the server does not let this process watch ${subject}: ${error.message}`);
        }
      },
    });
    this.#subscriptions.add(subscription);
    return () => {
      if (this.#subscriptions.delete(subscription) && !this.#isClosed) subscription.unsubscribe();
    };
  }

  onConnection(listener: (connected: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  openBeside(): Promise<ClusterTransport> {
    if (this.#isClosed) return Promise.reject(new TransportError('closed', 'the connection is closed'));
    return this.#openBeside();
  }

  async confirmWatches(): Promise<void> {
    // The server handles what a connection sends in its order, and says what it refuses before it answers.
    await Promise.race([this.#client.flush().catch(() => undefined), sleep(CONFIRM_MS, undefined, { ref: false })]);
    if (this.#refused.size === 0) return;
    const subjects = [...this.#refused].join(', ');
    throw new ConnectError(
      'permissions',
      `the server does not let this process watch ${subjects}; ${explain('permissions')}`,
    );
  }

  drain(): Promise<void> {
    this.#draining ??= this.#drain();
    return this.#draining;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #drain(): Promise<void> {
    const end = new AbortController();
    const patience = sleep(DRAIN_MS, undefined, { signal: end.signal }).catch(() => undefined);
    const ended = this.#client.closed().then(() => undefined);
    const orDue = (work: Promise<unknown>): Promise<unknown> =>
      Promise.race([work.catch(() => undefined), patience, ended]);
    // After this, everything that the server had sent has been given to the handlers.
    if (this.connected) await orDue(Promise.allSettled([...this.#subscriptions].map((one) => one.drain())));
    const waitedAtMs = performance.now();
    const isWaiting = (): boolean => this.#unanswered.count > 0 && performance.now() - waitedAtMs < ANSWERS_MS;
    while (isWaiting() && this.connected) await sleep(DRAIN_TURN_MS);
    if (this.connected) await orDue(this.#client.flush());
    end.abort();
    await this.close();
  }

  async #close(): Promise<void> {
    this.#end('the connection was closed');
    await this.#client.close();
    // The client leaves a socket open that waits for the first line of a server, and with it the process.
    const { protocol } = this.#client as { protocol?: { transport?: { discard?: () => void } } };
    protocol?.transport?.discard?.();
  }

  async #followStatus(): Promise<void> {
    for await (const status of this.#client.status()) this.#handleStatus(status);
    if (this.#isClosed) return;
    this.#end('the client gave the connection up');
    this.#notify(false);
  }

  #handleStatus(status: Status): void {
    if (this.#isClosed) return;
    if (status.type === 'disconnect') {
      this.#isOnline = false;
      this.#unconfirmed.reset();
      this.#questions.failAll('disconnected', 'the connection to the NATS server was lost');
      this.#notify(false);
    } else if (status.type === 'reconnect') {
      this.#isOnline = true;
      this.#maxPayloadBytes = this.#client.info?.max_payload ?? this.#maxPayloadBytes;
      this.#notify(true);
    } else if (status.type === 'error' && 'operation' in status.error && 'subject' in status.error) {
      const { operation, subject } = status.error;
      if (operation !== 'publish') return;
      const message = `the server does not let this process send to ${String(subject)}`;
      this.#questions.failAll('denied', message, String(subject));
      // Each answer would be refused if the permissions are wrong.
      if (performance.now() - this.#warnedAtMs < WARN_EVERY_MS) return;
      this.#warnedAtMs = performance.now();
      warn('GEARSHIFT_DENIED', message);
    }
  }

  #end(message: string): void {
    this.#isClosed = true;
    this.#isOnline = false;
    this.#questions.failAll('closed', message);
    this.#subscriptions.clear();
  }

  #notify(connected: boolean): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(connected);
      } catch (error) {
        warn('GEARSHIFT_HANDLER', `a listener of the connection threw ${describeThrown(error)}`);
      }
    }
  }

  #readAnswers(): void {
    this.#readsAnswers = true;
    this.#client.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (error !== null) {
          this.#readsAnswers = false;
          this.#questions.failAll('denied', `the server does not let this process read answers at ${this.#inbox}.*`);
          return;
        }
        const token = message.subject.slice(this.#inbox.length + 1);
        if (message.data.byteLength === 0 && message.headers?.code === NO_RECEIVERS) {
          this.#questions.failWithoutReceiver(token);
        } else {
          // A copy: the data of the client is part of a buffer of the socket.
          this.#questions.answer(token, this.#answers.copyOf(message.data));
        }
      },
    });
  }

  #deliver(message: Msg, handler: (message: IncomingMessage) => void): void {
    const { data, reply } = message;
    const markAnswered = reply === undefined || reply === '' ? undefined : this.#unanswered.add();
    try {
      handler({
        subject: message.subject,
        data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
        respond: (answer) => {
          if (markAnswered?.() === true && reply !== undefined) this.#respond(reply, answer);
        },
      });
    } catch (error) {
      warn('GEARSHIFT_HANDLER', `the handler of ${message.subject} threw ${describeThrown(error)}`);
    }
  }

  #respond(reply: string, answer: Uint8Array): void {
    try {
      this.#requireSendable(answer);
      this.#publish(reply, answer);
    } catch (error) {
      // The asker is gone for this process as well when the connection is lost.
      const { reason } = error as Partial<TransportError>;
      if (reason !== 'disconnected' && reason !== 'closed')
        warn('GEARSHIFT_ANSWER', `an answer was not sent: ${describeThrown(error)}`);
    }
  }

  #requireSendable(data: Uint8Array): void {
    if (this.#isClosed) throw new TransportError('closed', 'the connection is closed');
    if (!this.#isOnline) throw new TransportError('disconnected', 'there is no connection to a NATS server');
    if (data.byteLength > this.#maxPayloadBytes) {
      const message = `expected a message of at most ${this.#maxPayloadBytes} bytes, got ${data.byteLength}`;
      throw new TransportError('too-large', message);
    }
    if (!this.#unconfirmed.hasRoomFor(data.byteLength)) {
      const message = `the NATS server has not read ${this.#unconfirmed.bytes} bytes that were sent before`;
      throw new TransportError('disconnected', message);
    }
  }

  /** Copies the data, which the caller may change at once; the client reads it later. */
  #publish(subject: string, data: Uint8Array, reply?: string): void {
    this.#client.publish(subject, this.#sent.copyOf(data), reply === undefined ? undefined : { reply });
    this.#unconfirmed.add(data.byteLength);
  }
}

function warn(code: string, message: string): void {
  process.emitWarning(message, { type: 'GearshiftWarning', code });
}
