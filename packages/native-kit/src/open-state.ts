import type { BackendFailures, Failure } from './backend-failures.js';

/** Whether a backend is open, and the work that close() waits for. */
export class OpenState {
  readonly #failures: BackendFailures;
  readonly #release: () => Promise<void> | void;
  readonly #underWay = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;

  /** @param release gives back what the backend holds, once no request is under way */
  constructor(failures: BackendFailures, release: () => Promise<void> | void = () => undefined) {
    this.#failures = failures;
    this.#release = release;
  }

  /** From the first call of close() on. */
  get isClosed(): boolean {
    return this.#closing !== undefined;
  }

  /** Why a request is not even begun: the backend is closed, or the request was aborted before. */
  refuse(signal: AbortSignal | undefined): Failure | undefined {
    if (this.#closing !== undefined) return this.#failures.closed();
    return signal?.aborted === true ? this.#failures.aborted() : undefined;
  }

  /** Has close() wait for this work. */
  async track<T>(work: Promise<T>): Promise<T> {
    this.#underWay.add(work);
    try {
      return await work;
    } finally {
      this.#underWay.delete(work);
    }
  }

  /** Refuses what comes from now on, waits for what is under way, and releases. Closing twice is closing once. */
  close(): Promise<void> {
    this.#closing ??= this.#finish();
    return this.#closing;
  }

  async #finish(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
    await this.#release();
  }
}
