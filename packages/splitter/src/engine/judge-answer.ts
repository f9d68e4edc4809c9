import type { ChunkErrorKind, Result } from '@gearshift/contracts';
import { expected } from '@gearshift/contracts/internal';
import { classifyFailure, type ClassifyError } from '../errors/classify-failure.js';
import { messageOf, plainCause } from '../errors/plain-cause.js';
import type { ChunkWork } from './chunk-work.js';
import type { CallEnd } from './guarded-call.js';
import type { StopKind } from './run-limit.js';

/** Why a call failed. */
export interface Judgement {
  readonly kind: ChunkErrorKind;
  readonly message: string;
  /** As plain data. */
  readonly cause: unknown;
  /** As the function reported or threw it; undefined where it did neither. */
  readonly error?: unknown;
}

/**
 * Judges how a call ended: null when its result is taken over, otherwise why not. Never throws, whatever the function
 * answered.
 *
 * @param stop why the run has to end, if so.
 */
export function judgeAnswer<V, E, O>(
  end: CallEnd<Result<V, E>>,
  stop: StopKind | null,
  work: ChunkWork<V, O>,
  start: number,
  stopAt: number,
  classify: ClassifyError<unknown> | undefined,
): Judgement | null {
  switch (end.how) {
    case 'given-up':
      if (end.kind === 'timeout') return { kind: 'timeout', message: 'it did not settle in time', cause: null };
      return { ...stopped(stop ?? 'aborted'), cause: null };
    case 'threw':
      return failed(end.error, 'it threw: ', classify);
    case 'returned':
      // An answer may have getters that throw, and results that cannot be read.
      try {
        const answer = end.value;
        if (answer?.ok === true) {
          const rejection = work.accept(start, stopAt, answer.value);
          return rejection === null ? null : { ...rejection, cause: null };
        }
        if (answer?.ok === false) return failed(answer.error, '', classify);
        return { kind: 'invalid-result', message: expected('answer', 'a Result', answer), cause: null };
      } catch (error) {
        return { kind: 'invalid-result', message: 'its answer cannot be read', cause: plainCause(error) };
      }
  }
}

/** The end of a run that its caller or its deadline asked for. */
export function stopped(kind: StopKind): { readonly kind: StopKind; readonly message: string } {
  return { kind, message: kind === 'aborted' ? 'aborted by the caller' : 'the deadline passed' };
}

function failed(error: unknown, prefix: string, classify: ClassifyError<unknown> | undefined): Judgement {
  return {
    kind: classifyFailure(error, classify),
    message: `${prefix}${messageOf(error)}`,
    cause: plainCause(error),
    error,
  };
}
