import {
  BACKEND_ERROR_KINDS,
  err,
  type BackendError,
  type PhaseTimes,
  type PreparedRequest,
  type Result,
  type TopKOutput,
} from '@gearshift/contracts';

/** What a backend answers with when it keeps its contract. */
export type BackendAnswer = Result<PhaseTimes, BackendError>;

/**
 * The answer as the contract has it, whatever a backend of someone else's gave: what is no answer, or does not fit the
 * request, becomes `'invalid-result'`, so that the next device does the work.
 *
 * @param aborted whether the caller aborted: a backend that says so by itself is at fault, and must not end the run.
 */
export function checkAnswer(
  backend: string,
  request: PreparedRequest,
  output: Float32Array | TopKOutput,
  answer: BackendAnswer,
  aborted: boolean,
): BackendAnswer {
  if (answer?.ok === true) {
    if (typeof answer.value?.totalMs !== 'number') return failed(backend, 'invalid-result', 'it told no phase times');
    if (request.operation === 'top-k' && 'count' in output && output.count !== request.count) {
      const counts = `${output.count} entries per query where the request has ${request.count}`;
      return failed(backend, 'invalid-result', `it wrote ${counts}`);
    }
    return answer;
  }
  if (answer?.ok !== false || !BACKEND_ERROR_KINDS.includes(answer.error?.kind)) {
    return failed(backend, 'invalid-result', 'its answer is not a result');
  }
  if (answer.error.kind === 'aborted' && !aborted) {
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
