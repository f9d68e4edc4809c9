export type {
  Calibration,
  CalibrationError,
  CalibrationImport,
  DeviceIdentity,
  RefusedPart,
} from './calibration/calibration.js';
export { createDispatcher } from './create-dispatcher.js';
export type { DecisionCounts } from './decision-counts.js';
export type { DeviceSnapshot, DispatchSnapshot } from './dispatch-snapshot.js';
export type {
  AttemptTracker,
  ChangeableOptions,
  Dispatcher,
  DispatcherOptions,
  FallbackMode,
  RunOptions,
} from './dispatcher.js';
export type { AttemptEvent, DecisionEvent, ResidencyEvent, RunEvent, UploadEvent } from './events.js';
export type { HangLimits } from './failures/hang-limit.js';
export type { Timers } from './failures/timers.js';
export type { MemoryLimits } from './placement/device-memory.js';
export { ADAPTIVE_DEFAULTS, adaptivePolicy, type AdaptivePolicyOptions } from './policies/adaptive-policy.js';
export {
  NO_DEVICE,
  type DecisionContext,
  type DecisionSlot,
  type DeviceView,
  type DispatchPolicy,
  type DispatchSample,
  type PolicyImportError,
  type PolicySnapshot,
  type PolicyState,
  type SharedLearning,
  type SharedSums,
  type UploadSample,
} from './policies/dispatch-policy.js';
export type { DeviceForecast, OperationForecast, ShapeForecast, SizeForecast } from './policies/operation-forecast.js';
export { pinnedPolicy } from './policies/pinned-policy.js';
export { shadowPolicy } from './policies/shadow-policy.js';
export { THRESHOLD_DEFAULTS, thresholdPolicy, type ThresholdPolicyOptions } from './policies/threshold-policy.js';
export type { BreakerEvent, DeviceEvent } from './failures/breaker-events.js';
export type { BreakerCause, BreakerSnapshot, BreakerState, OpenCause } from './failures/breaker-snapshot.js';
export {
  BREAKER_DEFAULTS,
  createCircuitBreaker,
  type Admission,
  type CircuitBreaker,
  type CircuitBreakerOptions,
} from './failures/circuit-breaker.js';
export type { Completed, ItemRange, OutputOf, PartialAnswer, RunError, RunErrorKind } from './run-outcome.js';
export { describeWork, type Work } from './work.js';
