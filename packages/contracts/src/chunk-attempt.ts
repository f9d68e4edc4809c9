/** Why a run ended before everything was done: a closed set, safe as a label of a metric. */
export const CHUNK_ERROR_KINDS = [
  /** The function said that its input is wrong, the items changed under way, or an operand is not what it was. */
  'invalid-input',
  /** The smallest piece needs more memory than there will ever be. */
  'item-too-large',
  /** The function ran out of memory even with the smallest piece. */
  'out-of-memory',
  /** The function returned too few or too many results. */
  'length-mismatch',
  'device-fault',
  'device-lost',
  /** The function did not settle in time. */
  'timeout',
  /** The function answered with something that is no result, or said that its result is wrong. */
  'invalid-result',
  /** The function threw, rejected, or reported an error of its own kind. */
  'chunk-failed',
  'aborted',
  'deadline-exceeded',
  /** Memory for the smallest piece could not be reserved in time. */
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
  /** It was the stand-in's call. */
  readonly fallback: boolean;
  /** What went wrong, in words; absent after a success. */
  readonly message?: string | undefined;
  /** What the function reported or threw, as plain data. */
  readonly cause?: unknown;
}
