import type { ChunkAttempt, ChunkErrorKind } from '@gearshift/contracts';
import type { Range } from '../done-ranges.js';

/**
 * Why a run ended early, with all finished items. Plain data: it can be posted to another thread and resumed there.
 *
 * @typeParam E the error of the caller's function.
 * @typeParam O the type of {@link PartialRun.output}.
 */
export interface ChunkError<E = unknown, O = null> {
  readonly kind: ChunkErrorKind;
  readonly message: string;
  /** Number of the chunk that failed, counted from 0. */
  readonly chunkIndex: number;
  /** Items of the chunk. */
  readonly range: Range;
  /** The error that the function reported or threw, as plain data; null if the function did not fail. */
  readonly cause: E | ThrownCause | null;
  readonly partial: PartialRun<O>;
}

/** A thrown value without its class, which `postMessage` would lose. */
export interface ThrownCause {
  readonly name: string;
  readonly message: string;
  readonly code?: string | number | undefined;
  readonly stack?: string | undefined;
  readonly cause?: ThrownCause | undefined;
}

/**
 * The state of an unfinished run, for {@link resume}. Every item is in exactly one range.
 *
 * `JSON.stringify` writes the results bit for bit, typed arrays included, and throws a TypeError for one that JSON cannot carry,
 * such as a Map, a Date or a BigInt; `resume` takes what `JSON.parse` returns. A copy that was posted to another thread is
 * resumed as it is; stringify the original.
 */
export interface PartialRun<O = null> {
  /** Results at the indices of their items, with holes where there are none yet; null if the function writes them itself. */
  readonly output: O;
  readonly total: number;
  /** Ascending, with gaps between them. */
  readonly done: readonly Range[];
  readonly remaining: readonly Range[];
  /** Calls of the function, oldest first, at most 1,000: successes are left out first. */
  readonly attempts: readonly ChunkAttempt[];
  /** Number of calls. */
  readonly attemptCount: number;
  /** The versions that finished ranges were computed with. */
  readonly operands: readonly OperandVersion[];
  /** Called by `JSON.stringify`. Not enumerable, and missing in a structured clone. */
  toJSON?(): unknown;
}

/** An operand that a run reads, by the id and version that every operand of `@gearshift/contracts` has. */
export interface OperandVersion {
  readonly id: number;
  readonly version: number;
}
