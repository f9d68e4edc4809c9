import { defaultMaxListeners, getMaxListeners, setMaxListeners } from 'node:events';
import { isTimeable, type Clock, type Timers } from '../clock.js';

/** How a call that was watched ended. */
export type Settled<V> =
  | { readonly how: 'returned'; readonly value: V }
  | { readonly how: 'threw'; readonly error: unknown }
  | {
      readonly how: 'given-up';
      readonly kind: 'timeout' | StopKind;
      /** Settles when the call does after all; nobody looks at its result. */
      readonly late: Promise<unknown>;
    };

/** What ends a run between two pieces as well. */
export type StopKind = 'aborted' | 'deadline-exceeded';

/**
 * Waits for the caller's functions, but no longer than the caller's signal, the run's deadline and the call's own limit
 * allow. A call that is given up has its signal aborted first, and its result is never looked at.
 */
export class Watch {
  readonly #callerSignal: AbortSignal | undefined;
  readonly #deadlineAtMs: number;
  readonly #clock: Clock;
  readonly #timers: Timers;
  /** Of the calls to come: replaced when it is used up by a call that was given up. */
  #controller: AbortController | undefined;

  constructor(callerSignal: AbortSignal | undefined, deadlineAtMs: number, clock: Clock, timers: Timers) {
    this.#callerSignal = callerSignal;
    if (callerSignal !== undefined) allowManyListeners(callerSignal);
    this.#deadlineAtMs = deadlineAtMs;
    this.#clock = clock;
    this.#timers = timers;
  }

  /** Why nothing more should begin, if so. */
  reasonToStop(): StopKind | null {
    if (this.#callerSignal?.aborted === true) return 'aborted';
    return this.#deadlineAtMs !== Infinity && this.#clock() >= this.#deadlineAtMs ? 'deadline-exceeded' : null;
  }

  /** Calls `begin` and waits for what it returns. Never throws. */
  async call<V>(begin: (signal: AbortSignal) => PromiseLike<V> | V, limitMs: number): Promise<Settled<V>> {
    const signal = this.#signalFor(limitMs);
    if (this.#callerSignal === undefined && this.#deadlineAtMs === Infinity && !isTimeable(limitMs)) {
      try {
        return { how: 'returned', value: await begin(signal) };
      } catch (error) {
        return { how: 'threw', error };
      }
    }
    let outcome: Promise<V>;
    try {
      outcome = Promise.resolve(begin(signal));
    } catch (error) {
      return { how: 'threw', error };
    }
    return this.#race(outcome, limitMs);
  }

  /**
   * The signal of the calls to come. It is the caller's own where nothing else could give them up: making a signal costs
   * more than everything else in a run of one piece.
   */
  #signalFor(limitMs: number): AbortSignal {
    if (this.#callerSignal !== undefined && this.#deadlineAtMs === Infinity && !isTimeable(limitMs)) {
      return this.#callerSignal;
    }
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  /** Waits so long, or until `subscribe`'s listener is called, or until there is a reason to stop. */
  pause(delayMs: number, subscribe: (listener: () => void) => () => void): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#timers.clearTimeout(timer);
        this.#callerSignal?.removeEventListener('abort', wake);
        unsubscribe();
        resolve();
      };
      const timer = this.#timers.setTimeout(wake, Math.max(0, Math.min(delayMs, this.#leftMs())));
      this.#callerSignal?.addEventListener('abort', wake);
      const unsubscribe = subscribe(wake);
    });
  }

  #race<V>(outcome: Promise<V>, limitMs: number): Promise<Settled<V>> {
    const leftMs = this.#leftMs();
    const delayMs = Math.min(limitMs, leftMs);
    return new Promise((resolve) => {
      let timer: unknown;
      const finish = (settled: Settled<V>) => {
        if (timer !== undefined) this.#timers.clearTimeout(timer);
        this.#callerSignal?.removeEventListener('abort', onAbort);
        resolve(settled);
      };
      const giveUp = (kind: 'timeout' | StopKind, reason: unknown) => {
        finish({ how: 'given-up', kind, late: outcome });
        const controller = this.#controller;
        this.#controller = undefined;
        controller?.abort(reason);
      };
      const onAbort = () => giveUp('aborted', this.#callerSignal?.reason);
      outcome.then(
        (value) => finish({ how: 'returned', value }),
        (error: unknown) => finish({ how: 'threw', error }),
      );
      this.#callerSignal?.addEventListener('abort', onAbort);
      // The function itself may have aborted it.
      if (this.#callerSignal?.aborted === true) onAbort();
      else if (isTimeable(delayMs)) {
        const kind = leftMs <= limitMs ? 'deadline-exceeded' : 'timeout';
        timer = this.#timers.setTimeout(
          () => giveUp(kind, new DOMException('It did not settle in time', 'TimeoutError')),
          Math.max(0, delayMs),
        );
      }
    });
  }

  #leftMs(): number {
    return this.#deadlineAtMs === Infinity ? Infinity : this.#deadlineAtMs - this.#clock();
  }
}

/**
 * One signal may end many runs at once, such as that of a server that shuts down, and Node prints a warning from the eleventh
 * listener on. Every listener here is taken off again; a limit that somebody set is left alone.
 */
function allowManyListeners(signal: AbortSignal): void {
  try {
    if (getMaxListeners(signal) === defaultMaxListeners) setMaxListeners(Infinity, signal);
  } catch {
    // Node 20 throws where somebody has set the limit to 0, which means that there is none.
  }
}
