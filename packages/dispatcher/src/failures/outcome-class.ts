import type { AttemptOutcome } from '@gearshift/contracts';

/**
 * What an outcome says about the device. `'ignored'` says nothing: the caller erred or gave up, or the request was too
 * large, which another request need not be.
 */
export type OutcomeClass = 'success' | 'ignored' | 'fault' | 'hang' | 'wrong-result' | 'fatal';

const CLASSES: Readonly<Record<AttemptOutcome, OutcomeClass>> = {
  success: 'success',
  'invalid-input': 'ignored',
  unsupported: 'ignored',
  aborted: 'ignored',
  // Until even the smallest chunk does not fit: `CircuitBreaker.smallestChunkFailed`.
  'out-of-memory': 'ignored',
  fault: 'fault',
  // The device may be well: both end when the network is back, or the new version has arrived.
  unreachable: 'fault',
  stale: 'fault',
  timeout: 'hang',
  'invalid-result': 'wrong-result',
  'device-lost': 'fatal',
};

export function classOf(outcome: AttemptOutcome): OutcomeClass {
  return CLASSES[outcome];
}
