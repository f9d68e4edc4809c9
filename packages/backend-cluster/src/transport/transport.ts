/** Why a message got no answer. */
export type TransportErrorReason =
  'no-receiver' | 'timeout' | 'disconnected' | 'aborted' | 'too-large' | 'closed' | 'denied';

/** A message that was not sent, or not answered. */
export class TransportError extends Error {
  override readonly name = 'TransportError';
  readonly reason: TransportErrorReason;

  constructor(reason: TransportErrorReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** What ends the wait for an answer: an `AbortSignal` is one, and takes far longer to make. */
export interface EndSignal {
  readonly aborted: boolean;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

export interface AskOptions {
  readonly timeoutMs: number;
  readonly signal?: EndSignal;
}

export interface IncomingMessage {
  readonly subject: string;
  /** Valid for as long as the handler runs synchronously; copy what is kept. A plain Uint8Array, never a Buffer. */
  readonly data: Uint8Array;
  /** Sends an answer to the asker; nothing where no answer is expected. Never throws. */
  respond(data: Uint8Array): void;
}

/** What the cluster needs of a messaging system: subjects, queue groups, and immediate word of a lost connection. */
export interface ClusterTransport {
  readonly connected: boolean;
  /** The most bytes of one message. */
  readonly maxPayloadBytes: number;
  /**
   * One message, one answer. Rejects with a {@link TransportError}: at once with `'disconnected'` when the connection is lost while it
   * waits, with `'no-receiver'` when there is no receiver. Never buffered while offline.
   */
  ask(subject: string, data: Uint8Array, options: AskOptions): Promise<Uint8Array>;
  /**
   * One message to all receivers, one for each queue group. `onAnswer` gets each answer, in memory that never changes again; returning
   * true ends the wait. Resolves when it ended so, rejects as `ask` does: with `'timeout'` when `onAnswer` never returned true in time.
   */
  askAll(
    subject: string,
    data: Uint8Array,
    options: AskOptions,
    onAnswer: (data: Uint8Array) => boolean,
  ): Promise<void>;
  /** One message without an answer. Throws a {@link TransportError} of reason `'disconnected'` offline. */
  send(subject: string, data: Uint8Array): void;
  /**
   * Calls the handler for each message of a subject (`*` stands for one token); with a `queue`, one member of each queue group gets
   * it. Returns what ends it. A handler that throws is reported, never fatal.
   */
  watch(subject: string, options: { readonly queue?: string }, handler: (message: IncomingMessage) => void): () => void;
  /** Called with true when a connection is there (again), with false when it is lost. Returns what ends it. */
  onConnection(listener: (connected: boolean) => void): () => void;
  /**
   * Opens another connection of the same party, which the caller closes. Large messages go there, so that no query waits behind them. Without
   * this method they share this connection.
   */
  openBeside?(): Promise<ClusterTransport>;
  /** Resolves once the messaging system knows of every watch; rejects with a {@link TransportError} of reason `'denied'` for a refused one. */
  confirmWatches?(): Promise<void>;
  /** Stops taking messages, lets handlers answer what came, then closes. */
  drain(): Promise<void>;
  close(): Promise<void>;
}
