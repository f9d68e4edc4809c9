import { createDispatcher, type Dispatcher } from '@gearshift/dispatcher';
import { adaptivePolicy } from '@gearshift/policies';
import { NO_METRICS } from '@gearshift/tracker';
import type { ClusterBackend } from '@gearshift/backend-cluster';

const dispatchers = new WeakMap<ClusterBackend, Dispatcher>();
/** The cluster has limits of its own. */
const HOUR_MS = 3_600_000;

/** Cuts requests for placed matrices where rows cannot be reached, as an executor does. One for each backend. */
export function dispatcherOf(backend: ClusterBackend): Dispatcher {
  let dispatcher = dispatchers.get(backend);
  if (dispatcher === undefined) {
    const tracker = { snapshot: () => NO_METRICS, record() {} };
    const hangLimits = { floorMs: HOUR_MS, unpredictedMs: HOUR_MS };
    dispatcher = createDispatcher({ backends: [backend], policy: adaptivePolicy(), tracker, hangLimits });
    dispatchers.set(backend, dispatcher);
  }
  return dispatcher;
}
