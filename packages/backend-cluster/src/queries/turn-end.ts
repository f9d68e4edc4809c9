import type { BackendErrorKind } from '@gearshift/contracts';
import type { AnswerStatus, ShardAnswer } from '../wire/answer.js';

/** Why a part of a query has no answer. */
export interface TurnFailure {
  readonly kind: Exclude<BackendErrorKind, 'out-of-memory' | 'device-lost' | 'unsupported'>;
  readonly message: string;
}

export type TurnEnd = { readonly answer: ShardAnswer } | { readonly failure: TurnFailure };

/** The kinds of failures that workers answer with. */
export const FAILURES: Readonly<Record<Exclude<AnswerStatus, 'ok'>, TurnFailure['kind']>> = {
  stale: 'stale',
  overloaded: 'fault',
  'invalid-input': 'invalid-input',
  fault: 'fault',
  expired: 'timeout',
  aborted: 'fault',
};
