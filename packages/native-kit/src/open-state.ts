import type { VectorMatrix } from '@gearshift/contracts';
import { refusePlaced } from '@gearshift/contracts/internal';
import type { BackendFailures, Failure } from './backend-failures.js';

/** Whether a backend is open, and the work that close() waits for. */
export class OpenState {
  readonly #failures: BackendFailures;
  readonly #release: () => Promise<void> | void;
  readonly #underWay = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;

  /** @param release releases the resources of the backend, once no request is under way */
  constructor(failures: BackendFailures, release: () => Promise<void> | void = () => undefined) {
    this.#failures = failures;
    this.#release = release;
  }

  /** True from the first call of close(). */
  get isClosed(): boolean {
    return this.#closing !== undefined;
  }

  /** Whether there is work that close() would wait for. */
  get isBusy(): boolean {
    return this.#underWay.size > 0;
  }

  /**
   * Why a request is not started: the backend is closed, or the request was aborted before.
   *
   * @param matrix of the request, of a backend that reads rows in this process alone
   */
  refuse(signal: AbortSignal | undefined, matrix?: VectorMatrix): Failure | undefined {
    if (this.#closing !== undefined) return this.#failures.closed();
    if (signal?.aborted === true) return this.#failures.aborted();
    const reason = matrix === undefined ? undefined : refusePlaced(matrix);
    return reason === undefined ? undefined : this.#failures.of('unsupported', reason);
  }

  /** Makes close() wait for this work. */
  async track<T>(work: Promise<T>): Promise<T> {
    this.#underWay.add(work);
    try {
      return await work;
    } finally {
      this.#underWay.delete(work);
    }
  }

  /** Refuses new requests, waits for those under way, and releases. A second call returns the same promise. */
  close(): Promise<void> {
    this.#closing ??= this.#finish();
    return this.#closing;
  }

  async #finish(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
    await this.#release();
  }
}
