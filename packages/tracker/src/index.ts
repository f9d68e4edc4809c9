export { SUMS_LENGTH, type MetricsSnapshot, type SharedSums } from '@gearshift/contracts';
export { attachTracker, createTracker } from './create-tracker.js';
export { NO_METRICS } from './no-metrics.js';
export { LATENCY_BOUNDS_MS, type DeviceTotals, type OperationTotals } from './operation-totals.js';
export {
  TRACKER_DEFAULTS,
  type EndingWorker,
  type Tracker,
  type TrackerHandle,
  type TrackerOptions,
} from './tracker.js';
