import { ADDON_STATUS, BackendFailures, meaningOfStatus, type Failure } from '@gearshift/native-kit';

/** The id of every backend of this package: there is one CPU. */
export const BACKEND_ID = 'cpu';

export const failures = new BackendFailures(BACKEND_ID);

/**
 * The error for a negative status of the addon.
 *
 * @throws TypeError when memory of the caller was detached after it was checked: a caller's mistake, like an invalid argument
 */
export function failWithStatus(status: number): Failure {
  if (status === ADDON_STATUS.cancelled) return failures.aborted();
  const details = { nativeCode: status };
  if (status === ADDON_STATUS.outOfMemory) {
    return failures.of('out-of-memory', 'there was not enough memory for working space', details);
  }
  return failures.of(...meaningOfStatus(status), details);
}
