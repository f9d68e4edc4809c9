import type { MetricsSnapshot } from '@gearshift/contracts';
import { buildSnapshot } from './build-snapshot.js';
import { NO_DEVICE_METRICS } from './device-metrics.js';
import { TRACKER_DEFAULTS } from './tracker-options.js';

/**
 * The snapshot of a tracker with the default devices that has recorded nothing. Spread it to write a snapshot by hand:
 * `{ ...NO_METRICS, speedup: 2 }`.
 */
export const NO_METRICS: MetricsSnapshot = buildSnapshot(
  Object.freeze(Object.fromEntries(TRACKER_DEFAULTS.devices.map((name) => [name, NO_DEVICE_METRICS]))),
  0,
  0,
  0,
);
