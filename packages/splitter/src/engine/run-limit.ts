import { defaultMaxListeners, getMaxListeners, setMaxListeners } from 'node:events';
import { isTimeable, LONGEST_DELAY_MS, type Clock, type Timers } from '../timers.js';

/** Why a run has to end before its work is done. */
export type StopKind = 'aborted' | 'deadline-exceeded';

/** Ends a run when its caller's signal fires or its deadline passes. Call {@link release} when the run has ended. */
export class RunLimit {
  /** Fires when the run has to end; undefined where nothing can end it. */
  readonly signal: AbortSignal | undefined;
  /** Time for the run from its start; Infinity for no limit. */
  readonly deadlineMs: number;
  readonly #callerSignal: AbortSignal | undefined;
  readonly #deadlineAtMs: number;
  readonly #clock: Clock;
  readonly #timers: Timers;
  #timer: unknown;
  #forwardAbort: (() => void) | undefined;
  #isOver = false;

  /** @param deadlineMs counted from now; Infinity for none. */
  constructor(callerSignal: AbortSignal | undefined, deadlineMs: number, clock: Clock, timers: Timers) {
    this.#callerSignal = callerSignal;
    this.#clock = clock;
    this.#timers = timers;
    this.deadlineMs = deadlineMs;
    this.#deadlineAtMs = deadlineMs === Infinity ? Infinity : clock() + deadlineMs;
    this.signal = isTimeable(deadlineMs) ? this.#signalWithDeadline(deadlineMs) : callerSignal;
    for (const signal of [this.signal, callerSignal]) if (signal !== undefined) allowManyListeners(signal);
  }

  /** Why no further call may begin, or null. The clock decides, because timers are late while the event loop is busy. */
  reasonToStop(): StopKind | null {
    if (this.#isOver) return 'deadline-exceeded';
    if (this.#callerSignal?.aborted === true) return 'aborted';
    return this.#deadlineAtMs !== Infinity && this.#clock() >= this.#deadlineAtMs ? 'deadline-exceeded' : null;
  }

  /** Waits for `delayMs`, or until the listener of `subscribe` is called, or until the run has to end. */
  pause(delayMs: number, subscribe?: (listener: () => void) => () => void): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#timers.cancel(timer);
        this.signal?.removeEventListener('abort', wake);
        unsubscribe?.();
        resolve();
      };
      const timer = this.#timers.after(Math.min(Math.max(0, delayMs), LONGEST_DELAY_MS), wake);
      this.signal?.addEventListener('abort', wake);
      const unsubscribe = subscribe?.(wake);
    });
  }

  release(): void {
    if (this.#forwardAbort === undefined) return;
    this.#timers.cancel(this.#timer);
    this.#callerSignal?.removeEventListener('abort', this.#forwardAbort);
    this.#forwardAbort = undefined;
  }

  #signalWithDeadline(deadlineMs: number): AbortSignal {
    const controller = new AbortController();
    const callerSignal = this.#callerSignal;
    const end = () => {
      if (controller.signal.aborted) return;
      this.#isOver = true;
      controller.abort(new DOMException('The deadline passed', 'TimeoutError'));
    };
    this.#forwardAbort = () => controller.abort(callerSignal?.reason);
    if (callerSignal?.aborted === true) this.#forwardAbort();
    else callerSignal?.addEventListener('abort', this.#forwardAbort);
    if (deadlineMs <= 0) end();
    else this.#timer = this.#timers.after(deadlineMs, end);
    return controller.signal;
  }
}

/**
 * One signal may end many calls and runs, such as that of a server that shuts down, and Node prints a warning from the eleventh
 * listener on. Every listener here is removed again. A limit that the caller set is not changed.
 */
function allowManyListeners(signal: AbortSignal): void {
  try {
    if (getMaxListeners(signal) === defaultMaxListeners) setMaxListeners(Infinity, signal);
  } catch {
    // Node 20 throws where the limit is 0, which means that there is none.
  }
}
