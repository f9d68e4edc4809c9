import type { BackendErrorKind } from '@gearshift/contracts';
import { ADDON_STATUS } from './addon-entries.js';

type Meaning = readonly [kind: BackendErrorKind, message: string];

const MEANINGS: Readonly<Record<number, Meaning>> = {
  [ADDON_STATUS.outOfMemory]: ['out-of-memory', 'the device does not have enough memory'],
  [ADDON_STATUS.cancelled]: ['aborted', 'the request was aborted'],
  [ADDON_STATUS.fault]: ['fault', 'the driver failed'],
  [ADDON_STATUS.timeout]: ['timeout', 'the device did not finish its work: it counts as hung, and as lost'],
  [ADDON_STATUS.deviceLost]: ['device-lost', 'the device is lost for the life of this process'],
  [ADDON_STATUS.shapeConflict]: [
    'invalid-input',
    'another operand with the same id and version, but another shape or other elements, is resident',
  ],
  [ADDON_STATUS.invalidGraph]: ['invalid-input', 'the arrays of the graph changed after they were checked'],
  [ADDON_STATUS.noHostMemory]: ['out-of-memory', 'the host does not have enough memory'],
  [ADDON_STATUS.invalidResult]: ['invalid-result', 'the device returned an impossible result'],
  [ADDON_STATUS.noThread]: ['fault', 'the system gave the backend no thread to run on'],
};

/**
 * The error of a request for a negative status of an addon.
 *
 * @throws TypeError when memory of the caller was detached after it was checked: a caller's mistake, like an invalid argument
 */
export function meaningOfStatus(status: number): Meaning {
  if (status === ADDON_STATUS.inputGone) {
    throw new TypeError('request: an input array was detached or shrunk while the request was under way');
  }
  if (status === ADDON_STATUS.outputGone) {
    throw new TypeError('output: its buffer was detached or shrunk while the request was under way');
  }
  return MEANINGS[status] ?? ['fault', `the addon returned the unknown status ${status}`];
}
