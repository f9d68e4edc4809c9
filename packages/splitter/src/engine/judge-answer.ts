import type { Result } from '@gearshift/contracts';
import { expected } from '@gearshift/contracts/internal';
import { classifyFailure, type ClassifyError } from '../errors/classify-failure.js';
import { messageOf, plainCause } from '../errors/plain-cause.js';
import type { ChunkWork, Rejection } from './chunk-work.js';
import type { CallEnd } from './guarded-call.js';
import type { StopKind } from './run-limit.js';

/** Why a call failed. */
export interface CallFailure extends Rejection {
  /** As plain data. */
  readonly cause: unknown;
  /** The error that the function reported or threw; undefined if it did neither. */
  readonly error?: unknown;
}

/**
 * Judges how a call ended: null when its result was accepted, otherwise why not. Never throws for any answer of the function.
 *
 * @param stop why the run has to end, or null.
 */
export function judgeAnswer<V, E, O>(
  end: CallEnd<Result<V, E>>,
  stop: StopKind | null,
  work: ChunkWork<V, O>,
  start: number,
  stopAt: number,
  classify: ClassifyError<unknown> | undefined,
): CallFailure | null {
  switch (end.how) {
    case 'given-up':
      if (end.kind === 'timeout') return { kind: 'timeout', message: 'the call did not settle in time', cause: null };
      return { ...stopped(stop ?? 'aborted'), cause: null };
    case 'threw':
      return failed(end.error, 'the call threw: ', stop, classify);
    case 'returned':
      // An answer may have getters that throw and results that cannot be read.
      try {
        const answer = end.value;
        if (answer?.ok === true) {
          const rejection = work.accept(start, stopAt, answer.value);
          return rejection === null ? null : { ...rejection, cause: null };
        }
        if (answer?.ok === false) return failed(answer.error, '', stop, classify);
        return { kind: 'invalid-result', message: expected('answer', 'a Result', answer), cause: null };
      } catch (error) {
        return { kind: 'invalid-result', message: 'the answer cannot be read', cause: plainCause(error) };
      }
  }
}

/** The end of a run by its caller or its deadline. */
export function stopped(kind: StopKind): { readonly kind: StopKind; readonly message: string } {
  return { kind, message: kind === 'aborted' ? 'aborted by the caller' : 'the deadline passed' };
}

function failed(
  error: unknown,
  prefix: string,
  stop: StopKind | null,
  classify: ClassifyError<unknown> | undefined,
): CallFailure {
  const kind = classifyFailure(error, classify);
  const cause = plainCause(error);
  // A call may report the abort of its signal in any form.
  if (stop !== null && kind === 'chunk-failed') return { ...stopped(stop), cause, error };
  return { kind, message: `${prefix}${messageOf(error)}`, cause, error };
}
