import { describeThrown } from '@gearshift/contracts/internal';
import { TransportError, type AskOptions, type ClusterTransport, type IncomingMessage } from '../transport.js';
import type { InMemoryNetwork, Party } from './in-memory-network.js';

/** A question that waits for answers. */
interface Waiting {
  fail(error: TransportError): void;
}

/** One connection to an {@link InMemoryNetwork}. */
export class InMemoryTransport implements ClusterTransport {
  readonly #network: InMemoryNetwork;
  readonly #party: () => Party;
  readonly #waiting = new Set<Waiting>();
  readonly #listeners = new Set<(connected: boolean) => void>();
  #isClosed = false;

  constructor(network: InMemoryNetwork, party: () => Party) {
    this.#network = network;
    this.#party = party;
  }

  get connected(): boolean {
    return !this.#isClosed && this.#party().isConnected;
  }

  get maxPayloadBytes(): number {
    return this.#network.maxPayloadBytes;
  }

  async ask(subject: string, data: Uint8Array, options: AskOptions): Promise<Uint8Array> {
    let first = new Uint8Array();
    await this.askAll(subject, data, options, (answer) => {
      first = answer.slice();
      return true;
    });
    return first;
  }

  async askAll(
    subject: string,
    data: Uint8Array,
    { timeoutMs, signal }: AskOptions,
    onAnswer: (data: Uint8Array) => boolean,
  ): Promise<void> {
    this.#requireSendable(data);
    if (signal?.aborted === true) throw new TransportError('aborted', `the question at ${subject} was aborted`);
    const me = this.#party();
    await new Promise<void>((resolve, reject) => {
      const end = (error?: TransportError) => {
        if (!this.#waiting.delete(waiting)) return;
        stopTimer();
        signal?.removeEventListener('abort', onAbort);
        if (error === undefined) resolve();
        else reject(error);
      };
      const waiting: Waiting = { fail: end };
      const onAbort = () => end(new TransportError('aborted', `the question at ${subject} was aborted`));
      this.#waiting.add(waiting);
      signal?.addEventListener('abort', onAbort);
      const stopTimer = this.#network.clock.startTimer(timeoutMs, () =>
        end(new TransportError('timeout', `no answer at ${subject} within ${timeoutMs} ms`)),
      );
      const receivers = this.#publish(subject, data, (answer) => {
        if (this.#waiting.has(waiting) && onAnswer(answer)) end();
      });
      // The server says so itself, a round trip later.
      if (receivers === 0) {
        this.#pass(me, me, () => end(new TransportError('no-receiver', `no receiver at ${subject}`)));
      }
    });
  }

  send(subject: string, data: Uint8Array): void {
    this.#requireSendable(data);
    this.#publish(subject, data, undefined);
  }

  watch(
    pattern: string,
    { queue }: { readonly queue?: string },
    handler: (message: IncomingMessage) => void,
  ): () => void {
    if (this.#isClosed) throw new TransportError('closed', 'the connection is closed');
    return this.#network.subscribe({ pattern, queue, party: this.#party(), transport: this, handler });
  }

  onConnection(listener: (connected: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  openBeside(): Promise<ClusterTransport> {
    if (this.#isClosed) return Promise.reject(new TransportError('closed', 'the connection is closed'));
    return Promise.resolve(this.#network.connectBeside(this.#party()));
  }

  async drain(): Promise<void> {
    if (this.#isClosed) return;
    this.#network.leave(this.#party(), this);
    // What the handlers answer in this turn still leaves.
    await new Promise<void>((resolve) => void this.#network.clock.startTimer(0, resolve));
    await this.close();
  }

  async close(): Promise<void> {
    this.abandon();
  }

  /** Closes at once. */
  abandon(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#network.leave(this.#party(), this);
    this.#failAll('closed', 'the connection was closed');
  }

  connectionChanged(connected: boolean): void {
    if (!connected) this.#failAll('disconnected', 'the connection was lost');
    for (const listener of this.#listeners) listener(connected);
  }

  #pass(from: Party, to: Party, deliver: () => void): void {
    this.#network.pass(from, to, deliver, this.#party().others.has(this) ? '+' : '');
  }

  #failAll(reason: 'closed' | 'disconnected', message: string): void {
    for (const { fail } of [...this.#waiting]) fail(new TransportError(reason, message));
  }

  #requireSendable(data: Uint8Array): void {
    if (this.#isClosed) throw new TransportError('closed', 'the connection is closed');
    if (!this.connected) throw new TransportError('disconnected', 'there is no connection');
    const { maxPayloadBytes } = this;
    if (data.byteLength <= maxPayloadBytes) return;
    throw new TransportError('too-large', `a message has at most ${maxPayloadBytes} bytes, got ${data.byteLength}`);
  }

  /** @returns the number of receivers */
  #publish(subject: string, data: Uint8Array, onAnswer: ((answer: Uint8Array) => void) | undefined): number {
    const me = this.#party();
    // Not slice(), which gives a view for a Buffer.
    const sent = new Uint8Array(data);
    const receivers = this.#network.receiversOf(subject);
    for (const { party, transport, handler } of receivers) {
      const respond = (answer: Uint8Array) => {
        if (onAnswer === undefined || !transport.connected || answer.byteLength > this.maxPayloadBytes) return;
        const copy = new Uint8Array(answer);
        this.#pass(party, me, () => onAnswer(copy));
      };
      this.#pass(me, party, () => {
        if (!transport.connected) return;
        const message = { subject, data: sent, respond };
        // As with other transports, an exception of a handler ends nothing but the handler.
        try {
          handler(message);
        } catch (error) {
          process.emitWarning(`a handler of ${subject} threw: ${describeThrown(error)}`);
        }
      });
    }
    return receivers.length;
  }
}
