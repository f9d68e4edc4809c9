import type { ChunkErrorKind } from '@gearshift/contracts';
import { optionNames, readOptions, requireInteger, requireObject } from '@gearshift/contracts/internal';
import { requireFunction, requireLimit } from '../require-limit.js';
import { httpStatusOf, retryAfterMs } from './http-hints.js';

/** When a failed chunk is tried again in the same place, before a fallback gets it. */
export interface RetryOptions {
  /** Calls after the first one, for each chunk; default 3. */
  readonly attempts?: number | undefined;
  /**
   * Wait before the first of them; default 500. It doubles with each, and is shortened at random by up to half, so that
   * clients that failed together do not return together.
   */
  readonly delayMs?: number | undefined;
  /** Longest wait; default 60 000. An error that requests a longer one is not retried. */
  readonly maxDelayMs?: number | undefined;
  /**
   * Whether to retry this failure. By default faults, timeouts and errors of the function itself are retried, except those
   * with an HTTP status 4xx other than 408, 425 and 429. Running out of memory is never retried this way: it makes the chunk
   * smaller.
   */
  readonly retryIf?: ((failure: FailedCall) => boolean) | undefined;
  /** From 0 to 1, for the variation; default `Math.random`. */
  readonly random?: (() => number) | undefined;
}

/** A call of the caller's function that failed. */
export interface FailedCall {
  readonly kind: ChunkErrorKind;
  readonly message: string;
  /** The error that the function reported or threw; undefined if it did neither. */
  readonly error: unknown;
  /** Failed calls of this chunk so far, this one included. */
  readonly attempt: number;
}

/** Defaults of {@link RetryOptions}. */
export const RETRY_DEFAULTS = { attempts: 3, delayMs: 500, maxDelayMs: 60_000 } as const;

const OPTIONS = optionNames<RetryOptions>({
  attempts: true,
  delayMs: true,
  maxDelayMs: true,
  retryIf: true,
  random: true,
});
const RETRIED_KINDS: ReadonlySet<ChunkErrorKind> = new Set<ChunkErrorKind>(['chunk-failed', 'device-fault', 'timeout']);
const RETRIED_STATUSES: ReadonlySet<number> = new Set([408, 425, 429]);

/** Decides whether and when a failed call is made again. */
export class RetryPlan {
  readonly #attempts: number;
  readonly #delayMs: number;
  readonly #maxDelayMs: number;
  readonly #retryIf: (failure: FailedCall) => boolean;
  readonly #random: () => number;

  /** @throws TypeError or RangeError that names the option. */
  constructor(options: RetryOptions) {
    requireObject('retry', options);
    const given = readOptions('retry', options, OPTIONS);
    this.#attempts = requireInteger('retry.attempts', given.attempts ?? RETRY_DEFAULTS.attempts, 0);
    this.#delayMs = requireLimit('retry.delayMs', given.delayMs ?? RETRY_DEFAULTS.delayMs, 0);
    this.#maxDelayMs = requireLimit('retry.maxDelayMs', given.maxDelayMs ?? RETRY_DEFAULTS.maxDelayMs, 0);
    this.#retryIf = requireFunction('retry.retryIf', given.retryIf ?? isWorthRetrying);
    this.#random = requireFunction('retry.random', given.random ?? Math.random);
  }

  /** How long to wait before the next call, and whether the error requested that; null for no further call. */
  next(failure: FailedCall): { readonly delayMs: number; readonly isAskedFor: boolean } | null {
    if (failure.attempt > this.#attempts || !this.#wants(failure)) return null;
    const askedMs = retryAfterMs(failure.error);
    if (askedMs !== null) return askedMs > this.#maxDelayMs ? null : { delayMs: askedMs, isAskedFor: true };
    const fullMs = Math.min(this.#maxDelayMs, this.#delayMs * 2 ** (failure.attempt - 1));
    return { delayMs: fullMs * (1 - this.#variation() / 2), isAskedFor: false };
  }

  /** 0 for a `random` that throws, or returns something else than a share. */
  #variation(): number {
    try {
      const share = this.#random();
      return share >= 0 && share <= 1 ? share : 0;
    } catch {
      return 0;
    }
  }

  /** A `retryIf` that throws counts as false. */
  #wants(failure: FailedCall): boolean {
    try {
      return this.#retryIf(failure) === true;
    } catch {
      return false;
    }
  }
}

function isWorthRetrying({ kind, error }: FailedCall): boolean {
  if (!RETRIED_KINDS.has(kind)) return false;
  const status = httpStatusOf(error);
  return status === undefined || status < 400 || status >= 500 || RETRIED_STATUSES.has(status);
}
