export { attachTracker, createTracker } from './create-tracker.js';
export { NO_METRICS, type MetricsSnapshot } from './metrics-snapshot.js';
export { LATENCY_BOUNDS_MS, type DeviceTotals, type OperationTotals } from './operation-totals.js';
export { SUMS_LENGTH } from './layout.js';
export { type SharedSums } from './shared-sums.js';
export {
  TRACKER_DEFAULTS,
  type EndingWorker,
  type Tracker,
  type TrackerHandle,
  type TrackerOptions,
} from './tracker.js';
