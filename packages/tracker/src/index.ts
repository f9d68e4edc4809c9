export { attachTracker, createTracker } from './create-tracker.js';
export { type DeviceMetrics } from './device-metrics.js';
export { type MetricsSnapshot } from './metrics-snapshot.js';
export { NO_METRICS } from './no-metrics.js';
export { LATENCY_BOUNDS_MS, type DeviceTotals, type OperationTotals } from './operation-totals.js';
export { type SharedSums } from './shared-sums.js';
export { SUMS_LENGTH } from './sums-layout.js';
export { TRACKER_DEFAULTS, type DeviceName, type TrackerOptions } from './tracker-options.js';
export { type EndingWorker, type TrackedAttempt, type Tracker, type TrackerHandle } from './tracker.js';
