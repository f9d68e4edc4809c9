import type { ChunkAttempt, ChunkErrorKind } from '@gearshift/contracts';
import type { Range } from '../ranges.js';

/**
 * Why a run ended before everything was done, with all that was. Plain data: it survives `postMessage`, and so does a run
 * that another thread resumes from it.
 *
 * @typeParam E the error of the caller's function.
 * @typeParam O what is in {@link PartialRun.output}.
 */
export interface ChunkError<E = unknown, O = null> {
  readonly kind: ChunkErrorKind;
  readonly message: string;
  /** Which piece of the run it was, counted from 0. */
  readonly chunkIndex: number;
  /** The piece. */
  readonly range: Range;
  /** What the function reported, or what it threw, as plain data; null where it was not the function. */
  readonly cause: E | ThrownCause | null;
  readonly partial: PartialRun<O>;
}

/** Something thrown, without its class, which would not survive `postMessage`. */
export interface ThrownCause {
  readonly name: string;
  readonly message: string;
  readonly code?: string | number | undefined;
  readonly stack?: string | undefined;
  readonly cause?: ThrownCause | undefined;
}

/** The state of an unfinished run, for {@link resume}. Every item is in exactly one range. */
export interface PartialRun<O = null> {
  /** Results in the places of their items, with holes where none is yet; null where the function writes them itself. */
  readonly output: O;
  readonly total: number;
  /** Ascending and apart. */
  readonly done: readonly Range[];
  readonly remaining: readonly Range[];
  /** Every call of the function, oldest first, up to 1,000: beyond, successes are left out first. */
  readonly attempts: readonly ChunkAttempt[];
  /** How many calls there were. */
  readonly attemptCount: number;
  /** The versions that finished ranges were computed with. */
  readonly operands: readonly OperandVersion[];
}

/** What a run reads, by the id and version that every operand of `@gearshift/contracts` has. */
export interface OperandVersion {
  readonly id: number;
  readonly version: number;
}
