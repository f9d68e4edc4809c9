import { BACKEND_ERROR_KINDS, err, type BackendError } from '@gearshift/contracts';
import { isError, type OperationOutput } from '@gearshift/contracts/internal';
import type { BackendAnswer } from '../operations/dispatch-operation.js';
import type { Job } from './job.js';

/**
 * Turns the answer of any backend into one that keeps the contract. A value that is not a result, or does not fit the
 * request, becomes `'invalid-result'`, so that the next device does the work.
 *
 * @param output the memory that the backend wrote into.
 */
export function checkAnswer(
  backend: string,
  { operation, request, signal }: Job,
  output: OperationOutput,
  answer: BackendAnswer,
): BackendAnswer {
  if (answer?.ok === true) {
    if (typeof answer.value?.totalMs !== 'number')
      return failed(backend, 'invalid-result', 'its result has no phase times');
    const missing = operation.missingIn(request, output);
    return missing === undefined ? answer : failed(backend, 'invalid-result', `it wrote ${missing}`);
  }
  if (answer?.ok !== false || !BACKEND_ERROR_KINDS.includes(answer.error?.kind)) {
    return failed(backend, 'invalid-result', 'its answer is not a result');
  }
  // An abort that was not requested is a fault of the backend and must not end the run.
  if (answer.error.kind === 'aborted' && signal?.aborted !== true) {
    return failed(backend, 'fault', 'it reported an abort that was not requested');
  }
  return err(plainError(backend, answer.error));
}

/** Turns a thrown value into a fault, because a backend must return its failures as results. */
export function thrownAnswer(backend: string, thrown: unknown): BackendAnswer {
  const what = isError(thrown, 'Error') ? `${thrown.name}: ${thrown.message}` : `a value of type ${typeof thrown}`;
  return failed(backend, 'fault', `it threw ${what}`);
}

function failed(backend: string, kind: 'fault' | 'invalid-result', what: string): BackendAnswer {
  return err({ kind, message: `${backend}: ${what}`, backend });
}

/** Errors are sent to other threads, and structured cloning would drop the fields of a class instance. */
function plainError(backend: string, error: BackendError): BackendError {
  const { kind, message, nativeCode, requestedBytes, freeBytes } = error;
  return { kind, message: String(message), backend, nativeCode, requestedBytes, freeBytes };
}

/** By the contract of backends these errors are a caller's mistake, such as a buffer that was detached during the run. */
export function isCallersMistake(thrown: unknown): thrown is TypeError | RangeError {
  return isError(thrown, 'TypeError', 'RangeError');
}
