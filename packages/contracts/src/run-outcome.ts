import type { AttemptReport, Decision } from './attempt.js';
import type { BackendError, BackendErrorKind, PhaseTimes } from './backend.js';
import type { OperationName } from './operations/operation.js';
import type { OperationRequest } from './operations/operations.js';
import type { TopKOutput } from './operations/top-k.js';

/** What an operation writes into. */
export type OutputOf<R extends OperationRequest> = R extends { readonly operation: 'top-k' }
  ? TopKOutput
  : Float32Array;

/** A request that was answered. Plain data: it survives `postMessage`. */
export interface Completed<Output extends Float32Array | TopKOutput = Float32Array | TopKOutput> {
  /** The caller's own output where one was handed in. */
  readonly output: Output;
  /** What was chosen and why; `null` when there was nothing to compute, so that nothing was chosen. */
  readonly decision: Decision | null;
  /** Every try in order, the last of which succeeded; empty when there was nothing to compute. */
  readonly attempts: readonly AttemptReport[];
  /** From the checked request to the answer: deciding, every attempt, and waiting. */
  readonly latencyMs: number;
  /** Of the attempt that succeeded; `null` when there was nothing to compute. */
  readonly phases: PhaseTimes | null;
}

/** `'deadline-exceeded'`: the time that the caller allowed was over. */
export type RunErrorKind = BackendErrorKind | 'deadline-exceeded';

/** A request that no allowed device answered. Plain data: it survives `postMessage`. */
export interface RunError {
  /** The kind of the last attempt's error: `kind` decides what to do next, `message` is for people only. */
  readonly kind: RunErrorKind;
  readonly message: string;
  /** `null` when the run ended before a device was chosen. */
  readonly decision: Decision | null;
  /**
   * Every try that had ended, in order; empty when none was made. A piece that was given up by an abort may end later: it
   * is recorded in the tracker then.
   */
  readonly attempts: readonly AttemptReport[];
  readonly latencyMs: number;
  /** The last attempt's error; `null` when no attempt was made. */
  readonly cause: BackendError | null;
  /** What was finished all the same, for `dispatcher.resume`; `null` when nothing was. */
  readonly partial: PartialAnswer | null;
}

/**
 * The finished part of a request that was done in pieces. Ranges are of its items: rows from its first row, candidates
 * in their order, or nodes; every item is in exactly one of them. Plain data.
 */
export interface PartialAnswer<Output extends Float32Array | TopKOutput = Float32Array | TopKOutput> {
  /** Holds the answers of the finished items; of a ranking, the best of them. */
  readonly output: Output;
  readonly done: readonly ItemRange[];
  readonly remaining: readonly ItemRange[];
  /** Every try in order, those of earlier runs that this one resumed included. */
  readonly attempts: readonly AttemptReport[];
  /** What the finished part was computed with. */
  readonly operation: OperationName;
  readonly operand: { readonly id: number; readonly version: number };
}

export interface ItemRange {
  readonly start: number;
  readonly end: number;
}
