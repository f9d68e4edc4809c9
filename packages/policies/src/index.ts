export { ADAPTIVE_DEFAULTS, adaptivePolicy, type AdaptivePolicyOptions } from './adaptive-policy.js';
export type {
  Calibration,
  CalibrationError,
  CalibrationImport,
  DeviceIdentity,
  RefusedPart,
} from './calibration/calibration.js';
export { exportCalibration, type PolicyWithBackends } from './calibration/export-calibration.js';
export { importCalibration } from './calibration/import-calibration.js';
export { pinnedPolicy } from './pinned-policy.js';
export { shadowPolicy } from './shadow-policy.js';
export { THRESHOLD_DEFAULTS, thresholdPolicy, type ThresholdPolicyOptions } from './threshold-policy.js';
