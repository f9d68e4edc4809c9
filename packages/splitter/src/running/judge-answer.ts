import type { ChunkErrorKind, Result } from '@gearshift/contracts';
import { expected } from '@gearshift/contracts/internal';
import { classifyFailure, type ClassifyError } from '../errors/classify-failure.js';
import { messageOf, plainCause } from '../errors/plain-cause.js';
import type { ChunkWork } from './chunk-work.js';
import type { Settled } from './watch.js';

/** Why a call came to nothing. */
export interface Judgement {
  readonly kind: ChunkErrorKind;
  readonly message: string;
  readonly cause: unknown;
}

const GIVEN_UP = {
  timeout: 'it did not settle in time',
  aborted: 'aborted by the caller',
  'deadline-exceeded': 'the deadline passed',
} as const;

/**
 * What a call's end amounts to: null when its result is taken over, otherwise why not. Whatever the function answered, this
 * does not throw.
 */
export function judgeAnswer<V, E, O>(
  settled: Settled<Result<V, E>>,
  work: ChunkWork<V, E, O>,
  start: number,
  end: number,
  classify: ClassifyError<unknown> | undefined,
): Judgement | null {
  switch (settled.how) {
    case 'given-up':
      return { kind: settled.kind, message: GIVEN_UP[settled.kind], cause: null };
    case 'threw':
      return failed(settled.error, 'it threw: ', classify);
    case 'returned':
      // An answer may have getters that throw, and results that cannot be read.
      try {
        const answer = settled.value;
        if (answer?.ok === true) {
          const rejection = work.accept(start, end, answer.value);
          return rejection === null ? null : { ...rejection, cause: null };
        }
        if (answer?.ok === false) return failed(answer.error, '', classify);
        return { kind: 'invalid-result', message: expected('answer', 'a Result', answer), cause: null };
      } catch (error) {
        return { kind: 'invalid-result', message: 'its answer cannot be read', cause: plainCause(error) };
      }
  }
}

function failed(error: unknown, prefix: string, classify: ClassifyError<unknown> | undefined): Judgement {
  return {
    kind: classifyFailure(error, classify),
    message: `${prefix}${messageOf(error)}`,
    cause: plainCause(error),
  };
}
