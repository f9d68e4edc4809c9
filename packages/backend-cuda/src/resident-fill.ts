import type { Failure } from './failure.js';

/** A resident copy in the making, which any number of requests may wait for. It ends early only when all of them left. */
export class ResidentFill {
  readonly version: number;
  /** Never rejects: {@link wait} reports what went wrong. */
  readonly done: Promise<void>;
  readonly #outcome: Promise<Failure | undefined>;
  readonly #abandon = new AbortController();
  #waiting = 0;

  readonly #aborted: () => Failure;

  constructor(version: number, aborted: () => Failure, make: (abandoned: AbortSignal) => Promise<Failure | undefined>) {
    this.#aborted = aborted;
    this.version = version;
    this.#outcome = make(this.#abandon.signal);
    this.done = this.#outcome.then(
      () => undefined,
      () => undefined,
    );
  }

  get isAbandoned(): boolean {
    return this.#abandon.signal.aborted;
  }

  /** The outcome, or `aborted` as soon as the waiter's signal says so. */
  async wait(signal: AbortSignal | undefined): Promise<Failure | undefined> {
    if (signal === undefined) {
      this.#waiting += 1;
      return this.#outcome;
    }
    if (signal.aborted) return this.#aborted();
    this.#waiting += 1;
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiting -= 1;
        if (this.#waiting === 0) this.#abandon.abort();
        resolve(this.#aborted());
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#outcome.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
    });
  }
}
