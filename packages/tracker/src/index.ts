export { SUMS_LENGTH, type DeviceMetrics, type MetricsSnapshot, type SharedSums } from '@gearshift/contracts';
export { attachTracker, createTracker } from './create-tracker.js';
export { NO_METRICS } from './no-metrics.js';
export { LATENCY_BOUNDS_MS, type DeviceTotals, type OperationTotals } from './operation-totals.js';
export { TRACKER_DEFAULTS, type DeviceName, type TrackerOptions } from './tracker-options.js';
export { type EndingWorker, type TrackedAttempt, type Tracker, type TrackerHandle } from './tracker.js';
