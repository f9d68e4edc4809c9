import {
  createMatrix,
  err,
  type AttemptReport,
  type Backend,
  type BackendErrorKind,
  type CosineSimilarityRequest,
} from '@gearshift/contracts';
import { thresholdPolicy } from '@gearshift/policies';
import { NO_METRICS } from '@gearshift/tracker';
import { createDispatcher, type DispatcherOptions } from '../src/index.js';
import { scriptedBackend, type Act } from './scripted-backend.js';

export const matrix = createMatrix(new Float32Array([1, 0, 0, 1, 3, 4]), { dimensions: 2 });
export const REQUEST: CosineSimilarityRequest = {
  operation: 'cosine-similarity',
  query: new Float32Array([1, 0]),
  matrix,
};
export const SCORES = Float32Array.of(1, 0, 0.6);

export const gpu = (act?: Act, id = 'cuda:0') => scriptedBackend({ id, kind: 'gpu', act });
export const cpu = (act?: Act) => scriptedBackend({ id: 'cpu', kind: 'cpu', act });
export const fail = (kind: BackendErrorKind) => () => err({ kind, message: `scripted ${kind}`, backend: 'any' });

/** A tracker that lists the recorded attempts and has no metrics. */
export function listTracker() {
  const attempts: AttemptReport[] = [];
  const snapshots: string[] = [];
  return {
    attempts,
    snapshots,
    record: (attempt: AttemptReport) => void attempts.push(attempt),
    snapshot: (operation: string) => {
      snapshots.push(operation);
      return NO_METRICS;
    },
  };
}

/** A dispatcher with a clock that advances 1 ms per reading, so that every latency is known. */
export function setUp(backends: readonly Backend[], options: Partial<DispatcherOptions> = {}) {
  const tracker = listTracker();
  let nowMs = 0;
  const clock = () => (nowMs += 1);
  const policy = thresholdPolicy({ gpuMinBatchSize: 0 });
  return { tracker, dispatcher: createDispatcher({ backends, policy, tracker, clock, ...options }) };
}

/** Each attempt as `backend outcome`, with a `+` where it was a fallback. */
export const outcomesOf = (attempts: readonly AttemptReport[]) =>
  attempts.map(({ backend, outcome, fallback }) => `${fallback ? '+' : ''}${backend} ${outcome}`);
