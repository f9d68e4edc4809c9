import {
  err,
  type AttemptReport,
  type Decision,
  type PartialAnswer,
  type RunError,
  type RunErrorKind,
} from '@gearshift/contracts';

/**
 * Builds the error of a run from its attempts.
 *
 * @param withoutAttempt why there was none, where the kind does not say it
 */
export function runFailure(
  kind: RunErrorKind,
  decision: Decision | null,
  attempts: readonly AttemptReport[],
  latencyMs: number,
  partial: PartialAnswer | null = null,
  withoutAttempt?: string,
): { readonly ok: false; readonly error: RunError } {
  const cause = attempts.findLast(({ error }) => error !== undefined)?.error ?? null;
  return err({
    kind,
    message: describeFailure(kind, attempts, withoutAttempt),
    decision,
    attempts,
    latencyMs,
    cause,
    partial,
  });
}

function describeFailure(
  kind: RunErrorKind,
  attempts: readonly AttemptReport[],
  withoutAttempt = WITHOUT_ATTEMPTS[kind] ?? 'no device is allowed to run this request',
): string {
  if (attempts.length === 0) return withoutAttempt;
  const last = attempts.slice(-MOST_TOLD);
  const tries = last.map(({ backend, outcome, error }) =>
    error === undefined ? `${backend}: ${outcome}` : `${backend}: ${outcome} (${error.message})`,
  );
  if (attempts.length > last.length) tries.unshift(`${attempts.length - last.length} other attempts`);
  return `${ENDED_BY_CALLER[kind] ?? 'no device succeeded'} after ${tries.join('; ')}`;
}

/** A request in pieces may have thousands of attempts. */
const MOST_TOLD = 8;

const WITHOUT_ATTEMPTS: Partial<Record<RunErrorKind, string>> = {
  aborted: 'aborted before it began',
  'deadline-exceeded': 'the deadline passed before it began',
  overloaded: 'too many requests are under way (maxPending)',
  'device-lost': 'the only allowed device is lost',
  'out-of-memory': 'the device has too little memory for even the smallest piece',
  'invalid-input': 'the operand has changed since the finished part was computed; run the request again from the start',
};
const ENDED_BY_CALLER: Partial<Record<RunErrorKind, string>> = {
  aborted: 'aborted',
  'deadline-exceeded': 'the deadline passed',
};
