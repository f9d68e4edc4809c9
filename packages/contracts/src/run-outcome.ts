import type { AttemptReport, Decision } from './attempt.js';
import type { BackendError, BackendErrorKind, PhaseTimes } from './backend.js';
import type { OperationName } from './operations/operation.js';
import type { TopKOutput } from './operations/top-k.js';

/** The output of an operation. */
export type OutputOf<R extends { readonly operation: OperationName }> = R extends { readonly operation: 'top-k' }
  ? TopKOutput
  : Float32Array;

/** A request that was answered. Plain data: it survives `postMessage`. */
export interface Completed<Output extends Float32Array | TopKOutput = Float32Array | TopKOutput> {
  /** The caller's own output, if one was given. */
  readonly output: Output;
  /** The chosen device and the reason; `null` when there was nothing to compute. */
  readonly decision: Decision | null;
  /** Every attempt in order; the last one succeeded. Empty when there was nothing to compute. */
  readonly attempts: readonly AttemptReport[];
  /** Time from the checked request to the answer: decision, every attempt, and waits. */
  readonly latencyMs: number;
  /** Phases of the successful attempt; `null` when there was nothing to compute. */
  readonly phases: PhaseTimes | null;
}

/**
 * `'deadline-exceeded'`: the caller's deadline passed. `'overloaded'`: too many requests were under way, and this one was not
 * begun.
 */
export type RunErrorKind = BackendErrorKind | 'deadline-exceeded' | 'overloaded';

/** A request that no allowed device answered. Plain data: it survives `postMessage`. */
export interface RunError {
  /** The kind of the last attempt's error: `kind` decides what to do next, `message` is for people only. */
  readonly kind: RunErrorKind;
  readonly message: string;
  /** `null` when the run ended before a device was chosen. */
  readonly decision: Decision | null;
  /**
   * Every ended attempt in order; empty without one. A piece that was given up after an abort may end later and is then
   * recorded in the tracker.
   */
  readonly attempts: readonly AttemptReport[];
  readonly latencyMs: number;
  /** The last attempt's error; `null` when no attempt was made. */
  readonly cause: BackendError | null;
  /** The finished part, for `dispatcher.resume`; `null` when nothing was finished. */
  readonly partial: PartialAnswer | null;
}

/**
 * The finished part of a request in pieces. Ranges count its items: rows from its first row, candidates in their order, or
 * nodes; every item is in exactly one range. Plain data.
 */
export interface PartialAnswer<Output extends Float32Array | TopKOutput = Float32Array | TopKOutput> {
  /** Holds the answers of the finished items; of a ranking, the best of them. */
  readonly output: Output;
  readonly done: readonly ItemRange[];
  readonly remaining: readonly ItemRange[];
  /** Every attempt in order, including those of resumed runs. */
  readonly attempts: readonly AttemptReport[];
  /** The operand that the finished part was computed with. */
  readonly operation: OperationName;
  readonly operand: { readonly id: number; readonly version: number };
}

export interface ItemRange {
  readonly start: number;
  readonly end: number;
}
