import { BACKEND_ERROR_KINDS, err, type BackendError } from '@gearshift/contracts';
import type { OperationOutput } from '@gearshift/contracts/internal';
import type { BackendAnswer } from '../operations/dispatch-operation.js';
import type { Job } from './job.js';

/**
 * The answer as the contract has it, whatever a backend of someone else's gave: what is no answer, or does not fit the
 * request, becomes `'invalid-result'`, so that the next device does the work.
 *
 * @param output what the backend wrote into.
 */
export function checkAnswer(
  backend: string,
  { operation, request, signal }: Job,
  output: OperationOutput,
  answer: BackendAnswer,
): BackendAnswer {
  if (answer?.ok === true) {
    if (typeof answer.value?.totalMs !== 'number') return failed(backend, 'invalid-result', 'it told no phase times');
    const missing = operation.missingIn(request, output);
    return missing === undefined ? answer : failed(backend, 'invalid-result', `it wrote ${missing}`);
  }
  if (answer?.ok !== false || !BACKEND_ERROR_KINDS.includes(answer.error?.kind)) {
    return failed(backend, 'invalid-result', 'its answer is not a result');
  }
  // A backend that reports an abort by itself is at fault, and must not end the run.
  if (answer.error.kind === 'aborted' && signal?.aborted !== true) {
    return failed(backend, 'fault', 'it reported an abort that nobody asked for');
  }
  return err(plainError(backend, answer.error));
}

/** What a backend threw, as the fault it is: backends keep the world's failures in their results. */
export function thrownAnswer(backend: string, thrown: unknown): BackendAnswer {
  const what = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : `a value of type ${typeof thrown}`;
  return failed(backend, 'fault', `it threw ${what}`);
}

function failed(backend: string, kind: 'fault' | 'invalid-result', what: string): BackendAnswer {
  return err({ kind, message: `${backend}: ${what}`, backend });
}

/** Errors travel to other threads, where only plain data arrives whole: a class instance would lose its fields. */
function plainError(backend: string, error: BackendError): BackendError {
  const { kind, message, nativeCode, requestedBytes, freeBytes } = error;
  return { kind, message: String(message), backend, nativeCode, requestedBytes, freeBytes };
}

/** By the contract of backends these are a caller's mistake, such as a buffer that was detached meanwhile. */
export function isCallersMistake(thrown: unknown): thrown is TypeError | RangeError {
  return thrown instanceof TypeError || thrown instanceof RangeError;
}
