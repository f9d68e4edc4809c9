export { ADAPTIVE_DEFAULTS, adaptivePolicy, type AdaptivePolicyOptions } from './adaptive-policy.js';
export {
  exportCalibration,
  importCalibration,
  type Calibration,
  type CalibrationError,
  type CalibrationImport,
  type PolicyWithBackends,
  type RefusedPart,
} from './calibration/calibration.js';
export type { DeviceIdentity } from './calibration/device-identity.js';
export { pinnedPolicy } from './pinned-policy.js';
export { shadowPolicy } from './shadow-policy.js';
export { THRESHOLD_DEFAULTS, thresholdPolicy, type ThresholdPolicyOptions } from './threshold-policy.js';
