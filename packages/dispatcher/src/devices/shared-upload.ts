import { err, type BackendError, type PhaseTimes, type Result } from '@gearshift/contracts';
import type { Timers } from '@gearshift/splitter';
import { guardedCall, type CallEnd } from '@gearshift/splitter/engine';

type Sent = Result<PhaseTimes, BackendError>;

/**
 * One upload that any number of requests wait for. It continues while at least one of them waits and is aborted with the last
 * one. An upload that does not end in time is abandoned.
 */
export class SharedUpload {
  readonly #device: string;
  readonly #timers: Timers;
  readonly #controller = new AbortController();
  readonly #sent: Promise<Sent>;
  #waiting = 0;

  /** @param limitMs the upload is abandoned after this time. */
  constructor(device: string, limitMs: number, timers: Timers, send: (signal: AbortSignal) => Promise<Sent>) {
    this.#device = device;
    this.#timers = timers;
    const { signal } = this.#controller;
    this.#sent = guardedCall(send, { signal, limitMs, abortGraceMs: Infinity, timers }).then((end) =>
      this.#resultOf(end, `the upload did not end within ${limitMs} ms`),
    );
  }

  /** The upload's result, or `'aborted'` as soon as the caller's own signal fires. */
  async result(signal: AbortSignal | undefined): Promise<Sent> {
    this.#waiting += 1;
    try {
      if (signal === undefined) return await this.#sent;
      const limits = { signal, limitMs: Infinity, abortGraceMs: 0, timers: this.#timers };
      return this.#resultOf(await guardedCall(() => this.#sent, limits), 'the request was aborted');
    } finally {
      this.#waiting -= 1;
      // Does nothing to an upload that has ended.
      if (this.#waiting === 0) this.#controller.abort();
    }
  }

  #resultOf(end: CallEnd<Sent>, whyGivenUp: string): Sent {
    if (end.how === 'returned') return end.value;
    const kind = end.how === 'threw' ? 'fault' : end.kind;
    const message = end.how === 'threw' ? String(end.error) : whyGivenUp;
    return err({ kind, message: `${this.#device}: ${message}`, backend: this.#device });
  }
}
