import { CHUNK_ERROR_KINDS, type BackendErrorKind, type ChunkErrorKind } from '@gearshift/contracts';

/** What a failed call of the caller's function amounts to; a function of the caller's own may know better. */
export type ClassifyError<E> = (error: E) => ChunkErrorKind | undefined;

/** The kinds of backends' errors, as kinds of chunks'. An abort that nobody asked for is the function's failure. */
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
 * The kind of a failure, by the caller's own judgement or by the `kind` that the error carries, as backends' errors do;
 * `'chunk-failed'` where neither says. Messages are never looked at.
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
