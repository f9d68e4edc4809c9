import type { ClusterTransport } from './transport.js';

/** The connection for large messages. It is opened for the first one, because many processes send none. */
export class BulkConnection {
  readonly #main: ClusterTransport;
  #opening: Promise<ClusterTransport> | undefined;

  constructor(main: ClusterTransport) {
    this.#main = main;
  }

  /** Rejects when it cannot be opened; the next call tries again. */
  open(): Promise<ClusterTransport> {
    if (this.#main.openBeside === undefined) return Promise.resolve(this.#main);
    if (this.#opening === undefined) {
      const opening = this.#main.openBeside();
      this.#opening = opening;
      opening.catch(() => (this.#opening = undefined));
    }
    return this.#opening;
  }

  async close(): Promise<void> {
    const connection = await this.#opening?.catch(() => undefined);
    if (connection !== this.#main) await connection?.close();
  }
}
