import { err, type BackendError, type PhaseTimes, type Result } from '@gearshift/contracts';
import type { Timers } from '@gearshift/splitter';
import { guardedCall } from '@gearshift/splitter/engine';

type Sent = Result<PhaseTimes, BackendError>;

/** One upload that any number of requests wait for. It continues while at least one waits and is aborted with the last one. */
export class SharedUpload {
  readonly #device: string;
  readonly #timers: Timers;
  readonly #controller = new AbortController();
  readonly #sent: Promise<Sent>;
  #waiting = 0;

  /** @param send ends in limited time, and soon after its signal fires. */
  constructor(device: string, timers: Timers, send: (signal: AbortSignal) => Promise<Sent>) {
    this.#device = device;
    this.#timers = timers;
    this.#sent = send(this.#controller.signal);
  }

  /** The upload's result, or `'aborted'` as soon as the caller's own signal fires. */
  async result(signal: AbortSignal | undefined): Promise<Sent> {
    this.#waiting += 1;
    try {
      if (signal === undefined) return await this.#sent;
      const limits = { signal, limitMs: Infinity, abortGraceMs: 0, timers: this.#timers };
      const end = await guardedCall(() => this.#sent, limits);
      if (end.how === 'returned') return end.value;
      if (end.how === 'threw') throw end.error;
      return err({ kind: end.kind, message: `${this.#device}: the request was aborted`, backend: this.#device });
    } finally {
      this.#waiting -= 1;
      // Does nothing to an upload that has ended.
      if (this.#waiting === 0) this.#controller.abort();
    }
  }
}
