import { err, type BackendError, type BackendErrorKind } from '@gearshift/contracts';
import { ADDON_STATUS } from './addon.js';

/** The id of every backend of this package: there is one CPU. */
export const BACKEND_ID = 'cpu';

export type Failure = { readonly ok: false; readonly error: BackendError };

export function fail(kind: BackendErrorKind, message: string, details: Partial<BackendError> = {}): Failure {
  return err({ ...details, kind, message, backend: BACKEND_ID });
}

export function failAborted(): Failure {
  return fail('aborted', 'the request was aborted');
}

export function failClosed(): Failure {
  return fail('unsupported', 'the backend is closed');
}

/**
 * A negative status of the addon as the error it stands for.
 *
 * @throws TypeError when memory of the caller went away after it was checked: the caller's mistake, like passing it so.
 */
export function failWithStatus(status: number): Failure {
  switch (status) {
    case ADDON_STATUS.outOfMemory:
      return fail('out-of-memory', 'there was no memory for working space', { nativeCode: status });
    case ADDON_STATUS.cancelled:
      return failAborted();
    case ADDON_STATUS.inputGone:
      throw new TypeError('request: an input array was detached or shrunk while the request was under way');
    case ADDON_STATUS.outputGone:
      throw new TypeError('output: its buffer was detached or shrunk while the request was under way');
    case ADDON_STATUS.shapeConflict:
      return fail('invalid-input', 'another operand with the same id and version, but another shape, is resident', {
        nativeCode: status,
      });
    case ADDON_STATUS.noThread:
      return fail('fault', 'the system gave the backend no thread to run on', { nativeCode: status });
    case ADDON_STATUS.invalidGraph:
      return fail('invalid-input', 'the arrays of the graph changed after they were checked', { nativeCode: status });
    default:
      return fail('fault', `the addon answered with the unknown status ${status}`, { nativeCode: status });
  }
}
