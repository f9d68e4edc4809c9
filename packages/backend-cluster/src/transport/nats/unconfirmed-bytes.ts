/** Below this much, the server is not asked whether it has read everything. */
const ASK_FROM_BYTES = 1024 * 1024;
const LIMIT_BYTES = 64 * 1024 * 1024;

/**
 * Bounds what waits in this process for a server that does not read. The client buffers without a limit, and does not say how much: so
 * this counts what is sent, and a ping is answered when the server has read everything before it.
 */
export class UnconfirmedBytes {
  readonly #ping: () => Promise<void>;
  #bytes = 0;
  #isPinging = false;
  /** Changes when the connection is lost, with everything that waited. */
  #connection = 0;

  constructor(ping: () => Promise<void>) {
    this.#ping = ping;
  }

  get bytes(): number {
    return this.#bytes;
  }

  hasRoomFor(bytes: number): boolean {
    return this.#bytes + bytes <= LIMIT_BYTES;
  }

  /** Call it after the message was given to the client. */
  add(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes >= ASK_FROM_BYTES && !this.#isPinging) void this.#confirm();
  }

  reset(): void {
    this.#bytes = 0;
    this.#isPinging = false;
    this.#connection += 1;
  }

  async #confirm(): Promise<void> {
    const [covered, connection] = [this.#bytes, this.#connection];
    this.#isPinging = true;
    // It fails when the connection is lost, which resets everything.
    const isRead = await this.#ping().then(
      () => true,
      () => false,
    );
    if (!isRead || connection !== this.#connection) return;
    this.#bytes -= covered;
    this.#isPinging = false;
    this.add(0);
  }
}
