/** Why a run ended early: a closed set, safe as a label of a metric. */
export const CHUNK_ERROR_KINDS = [
  /** The function rejected its input, or the items or an operand changed during the run. */
  'invalid-input',
  /** The smallest chunk needs more memory than the device has. */
  'item-too-large',
  /** The function ran out of memory even with the smallest chunk. */
  'out-of-memory',
  /** The function returned too few or too many results. */
  'length-mismatch',
  'device-fault',
  'device-lost',
  /** The function did not settle in time. */
  'timeout',
  /** The function returned something that is not a result, or reported that its result is wrong. */
  'invalid-result',
  /** The function threw, rejected, or reported an error of its own kind. */
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
  /** True for a call of a fallback function. */
  readonly fallback: boolean;
  /** Description of the failure; absent after a success. */
  readonly message?: string | undefined;
  /** The error that the function reported or threw, as plain data. */
  readonly cause?: unknown;
}
