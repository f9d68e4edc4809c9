import { err, type BackendError, type PhaseTimes, type Result } from '@gearshift/contracts';
import type { Timers } from '../failures/timers.js';

type Sent = Result<PhaseTimes, BackendError>;

/**
 * One upload that any number of requests wait for. It goes on as long as anybody does: who aborts stops waiting, and the
 * last one to go aborts the upload. One that never ends is given up in time.
 */
export class SharedUpload {
  readonly #device: string;
  readonly #controller = new AbortController();
  readonly #sent: Promise<Sent>;
  #waiting = 0;

  /** @param limitMs the upload is given up after this time. */
  constructor(device: string, limitMs: number, timers: Timers, send: (signal: AbortSignal) => Promise<Sent>) {
    this.#device = device;
    const controller = this.#controller;
    this.#sent = new Promise((resolve, reject) => {
      const timer = timers.after(limitMs, () => {
        resolve(this.#failure('timeout', `the upload did not end within ${limitMs} ms`));
        controller.abort();
      });
      send(controller.signal)
        .finally(() => timers.cancel(timer))
        .then(resolve, reject);
    });
  }

  /** What came of it, or `'aborted'` as soon as the caller's own signal says so. */
  async result(signal: AbortSignal | undefined): Promise<Sent> {
    this.#waiting += 1;
    let forget = () => {};
    const aborted = new Promise<Sent>((resolve) => {
      const leave = () => resolve(this.#failure('aborted', 'the request was aborted'));
      if (signal?.aborted === true) leave();
      signal?.addEventListener('abort', leave);
      forget = () => signal?.removeEventListener('abort', leave);
    });
    try {
      return await (signal === undefined ? this.#sent : Promise.race([this.#sent, aborted]));
    } finally {
      forget();
      this.#waiting -= 1;
      // Does nothing to an upload that has ended.
      if (this.#waiting === 0) this.#controller.abort();
    }
  }

  #failure(kind: BackendError['kind'], message: string): Sent {
    return err({ kind, message: `${this.#device}: ${message}`, backend: this.#device });
  }
}
