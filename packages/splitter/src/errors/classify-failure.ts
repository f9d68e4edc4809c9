import { CHUNK_ERROR_KINDS, type BackendErrorKind, type ChunkErrorKind } from '@gearshift/contracts';

/** Returns the kind of an error that the caller's function reported or threw; undefined if it has none. */
export type ClassifyError<E> = (error: E) => ChunkErrorKind | undefined;

/** Chunk error kinds of backends' errors. A call that reports an abort although its signal has not fired has failed. */
const FROM_BACKEND: Readonly<Record<BackendErrorKind, ChunkErrorKind>> = {
  'invalid-input': 'invalid-input',
  'out-of-memory': 'out-of-memory',
  fault: 'device-fault',
  timeout: 'timeout',
  'device-lost': 'device-lost',
  'invalid-result': 'invalid-result',
  aborted: 'chunk-failed',
  unsupported: 'chunk-failed',
  unreachable: 'device-fault',
  stale: 'device-fault',
};
const FROM_BACKEND_KINDS = new Map<unknown, ChunkErrorKind>(Object.entries(FROM_BACKEND));

/**
 * The kind of a failure: from `classify`, or else the `kind` of the error, which backends' errors have, or else
 * `'chunk-failed'`. Messages are never compared.
 */
export function classifyFailure<E>(error: E, classify: ClassifyError<E> | undefined): ChunkErrorKind {
  try {
    const judged = classify?.(error);
    if (judged !== undefined && CHUNK_ERROR_KINDS.includes(judged)) return judged;
    if (typeof error !== 'object' || error === null || !('kind' in error)) return 'chunk-failed';
    return FROM_BACKEND_KINDS.get(error.kind) ?? 'chunk-failed';
  } catch {
    return 'chunk-failed';
  }
}
