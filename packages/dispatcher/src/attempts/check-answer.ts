import { BACKEND_ERROR_KINDS, err, ok, type BackendError, type PhaseTimes } from '@gearshift/contracts';
import { describeThrown, isError, type OperationOutput } from '@gearshift/contracts/internal';
import type { BackendAnswer } from '../operations/dispatch-operation.js';
import type { Job } from './job.js';

/**
 * Turns the answer of any backend into one that keeps the contract. A value that is not a result, or does not fit the
 * request, becomes `'invalid-result'`, and one with getters that throw a fault, so that the next device does the work. Never
 * throws.
 *
 * @param output the memory that the backend wrote into.
 */
export function checkAnswer(
  backend: string,
  { operation, request, signal }: Job,
  output: OperationOutput,
  answer: BackendAnswer,
): BackendAnswer {
  const checked = checkResult(backend, answer, signal?.aborted === true);
  if (!checked.ok) return checked;
  try {
    const missing = operation.missingIn(request, output);
    return missing === undefined ? checked : failed(backend, 'invalid-result', `it wrote ${missing}`);
  } catch (thrown) {
    return thrownAnswer(backend, thrown);
  }
}

/** Like {@link checkAnswer}, for an answer without an output. */
export function checkResult(backend: string, answer: BackendAnswer, isAborted: boolean): BackendAnswer {
  try {
    if (answer?.ok === true) {
      const phases = answer.value;
      if (typeof phases?.totalMs === 'number') return ok(plainPhases(phases));
      return failed(backend, 'invalid-result', 'its result has no phase times');
    }
    const error = answer?.ok === false ? answer.error : undefined;
    const kind = error?.kind;
    if (error === undefined || kind === undefined || !BACKEND_ERROR_KINDS.includes(kind)) {
      return failed(backend, 'invalid-result', 'its answer is not a result');
    }
    // An abort that was not requested is a fault of the backend and must not end the run.
    if (kind === 'aborted' && !isAborted) {
      return failed(backend, 'fault', 'it reported an abort that was not requested');
    }
    return err(plainError(backend, kind, error));
  } catch (thrown) {
    return thrownAnswer(backend, thrown);
  }
}

/** Turns a thrown value into a fault, because a backend must return its failures as results. */
export function thrownAnswer(backend: string, thrown: unknown): BackendAnswer {
  return failed(backend, 'fault', `it threw ${describeThrown(thrown)}`);
}

function failed(backend: string, kind: 'fault' | 'invalid-result', what: string): BackendAnswer {
  return err({ kind, message: `${backend}: ${what}`, backend });
}

/** A copy, because a getter may return something else, or throw, when policies and trackers read it. */
function plainPhases(given: PhaseTimes): PhaseTimes {
  const { queueMs, uploadMs, kernelMs, downloadMs, networkMs, totalMs, mergedRequests, fused } = given;
  const phases = {
    queueMs: duration(queueMs),
    uploadMs: duration(uploadMs),
    kernelMs: duration(kernelMs),
    downloadMs: duration(downloadMs),
    totalMs: duration(totalMs),
    fused: fused !== false,
  };
  if (networkMs === undefined && mergedRequests === undefined) return phases;
  return {
    ...phases,
    ...(networkMs === undefined ? {} : { networkMs: duration(networkMs) }),
    ...(Number.isSafeInteger(mergedRequests) ? { mergedRequests } : {}),
  };
}

/** 0 for anything that is not a time. */
function duration(ms: number): number {
  return typeof ms === 'number' && ms >= 0 && ms < Infinity ? ms : 0;
}

/** Errors are sent to other threads, and structured cloning would drop the fields of a class instance. */
function plainError(backend: string, kind: BackendError['kind'], error: BackendError): BackendError {
  const { message, nativeCode, requestedBytes, freeBytes } = error;
  return {
    kind,
    message: String(message),
    backend,
    nativeCode: numberOf(nativeCode),
    requestedBytes: numberOf(requestedBytes),
    freeBytes: numberOf(freeBytes),
  };
}

function numberOf(value: number | undefined): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

/** By the contract of backends these errors are a caller's mistake, such as a buffer that was detached during the run. */
export function isCallersMistake(thrown: unknown): thrown is TypeError | RangeError {
  return isError(thrown, 'TypeError', 'RangeError');
}
