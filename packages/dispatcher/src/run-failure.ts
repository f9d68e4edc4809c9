import { err, type AttemptReport, type BackendErrorKind, type Decision } from '@gearshift/contracts';
import type { RunError } from './run-outcome.js';

/** Why a run ended without an answer, put together from its attempts. */
export function runFailure(
  kind: BackendErrorKind,
  decision: Decision | null,
  attempts: readonly AttemptReport[],
  latencyMs: number,
): { readonly ok: false; readonly error: RunError } {
  const cause = attempts.at(-1)?.error ?? null;
  return err({ kind, message: describeFailure(kind, attempts), decision, attempts, latencyMs, cause });
}

function describeFailure(kind: BackendErrorKind, attempts: readonly AttemptReport[]): string {
  if (attempts.length === 0) return kind === 'aborted' ? 'aborted before it began' : 'no device is allowed to do this';
  const tries = attempts.map(({ backend, outcome, error }) => `${backend}: ${outcome} (${error?.message ?? ''})`);
  return `${kind === 'aborted' ? 'aborted' : 'no device succeeded'} after ${tries.join('; ')}`;
}
