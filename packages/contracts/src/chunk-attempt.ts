/** Why a run ended early: a closed set, safe as a label of a metric. */
export const CHUNK_ERROR_KINDS = [
  /** The function reported invalid input, the items changed during the run, or an operand has changed. */
  'invalid-input',
  /** The smallest piece needs more memory than the budget can ever have. */
  'item-too-large',
  /** The function ran out of memory even with the smallest chunk. */
  'out-of-memory',
  /** The function returned too few or too many results. */
  'length-mismatch',
  'device-fault',
  'device-lost',
  /** The function did not settle in time. */
  'timeout',
  /** The function returned a value that is not a Result, or reported that its result is wrong. */
  'invalid-result',
  /** The function threw, rejected, or reported another error. */
  'chunk-failed',
  'aborted',
  'deadline-exceeded',
  /** Memory for the smallest chunk could not be reserved in time. */
  'overloaded',
] as const;
export type ChunkErrorKind = (typeof CHUNK_ERROR_KINDS)[number];

/** One call of the caller's function. */
export interface ChunkAttempt {
  readonly chunkIndex: number;
  readonly start: number;
  readonly end: number;
  readonly outcome: 'success' | ChunkErrorKind;
  readonly latencyMs: number;
  /** The call was made by a fallback. */
  readonly fallback: boolean;
  /** The error message; absent after a success. */
  readonly message?: string | undefined;
  /** The error that the function reported or threw, as plain data. */
  readonly cause?: unknown;
}
