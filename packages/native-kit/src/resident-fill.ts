import type { BackendFailures, Failure } from './backend-failures.js';

/** The creation of a resident copy, for any number of requests. It ends early only when all of them are aborted. */
export class ResidentFill {
  readonly version: number;
  /** The first array of the operand. */
  readonly source: object;
  /** Never rejects: {@link wait} reports the error. */
  readonly done: Promise<void>;
  readonly #failures: BackendFailures;
  readonly #outcome: Promise<Failure | undefined>;
  readonly #abandon = new AbortController();
  #waiting = 0;

  constructor(
    version: number,
    source: object,
    failures: BackendFailures,
    make: (abandoned: AbortSignal) => Promise<Failure | undefined>,
  ) {
    this.version = version;
    this.source = source;
    this.#failures = failures;
    this.#outcome = make(this.#abandon.signal);
    this.done = this.#outcome.then(
      () => undefined,
      () => undefined,
    );
  }

  get isAbandoned(): boolean {
    return this.#abandon.signal.aborted;
  }

  /** The outcome, or `aborted` as soon as the signal of this request is aborted. */
  async wait(signal: AbortSignal | undefined): Promise<Failure | undefined> {
    if (signal === undefined) {
      this.#waiting += 1;
      return this.#outcome;
    }
    if (signal.aborted) return this.#failures.aborted();
    this.#waiting += 1;
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiting -= 1;
        if (this.#waiting === 0) this.#abandon.abort();
        resolve(this.#failures.aborted());
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#outcome.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
    });
  }
}
