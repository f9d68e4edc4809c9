export { createExecutor } from './create-executor.js';
export type {
  BackendName,
  BackendStatus,
  CosineSimilarityOptions,
  EdgeList,
  Executor,
  ExecutorDescription,
  ExecutorOptions,
  ExecutorSnapshot,
  GraphOptions,
  GraphSource,
  LimitOptions,
  MatrixOptions,
  OpenOptions,
  OwnedGraph,
  OwnedMatrix,
  RunOptions,
  RunRequest,
  SpreadActivationOptions,
  TopKOptions,
  Vector,
} from './executor.js';
export { AllDevicesFailedError, DeadlineExceededError, NoBackendError, OverloadedError } from './run-errors.js';

// The types of options and results, so that most programs need no other package.
export type {
  AttemptReport,
  Backend,
  BackendDescription,
  BackendError,
  BackendErrorKind,
  Companion,
  Completed,
  CosineSimilarityRequest,
  CsrGraph,
  CsrParts,
  Decision,
  DecisionReason,
  DeviceKind,
  DispatchPolicy,
  Edge,
  Metric,
  OperationName,
  OperationRequest,
  PartialAnswer,
  PhaseTimes,
  Result,
  RowSetLike,
  RunError,
  SpreadActivationRequest,
  TopKOutput,
  TopKRequest,
  VectorMatrix,
} from '@gearshift/contracts';
export { NO_ROW, RowSet } from '@gearshift/contracts';
export type {
  ChangeableOptions,
  DecisionCounts,
  DispatchSnapshot,
  FallbackMode,
  HangLimits,
  MemoryLimits,
} from '@gearshift/dispatcher';
export {
  adaptivePolicy,
  pinnedPolicy,
  shadowPolicy,
  thresholdPolicy,
  type AdaptivePolicyOptions,
  type Calibration,
  type CalibrationError,
  type CalibrationImport,
  type ThresholdPolicyOptions,
} from '@gearshift/policies';
export { FileError, REMOVED_ROW, type FileErrorKind, type MatrixFile, type SaveOptions } from '@gearshift/storage';
export {
  attachTracker,
  createTracker,
  type DeviceMetrics,
  type MetricsSnapshot,
  type Tracker,
  type TrackerHandle,
} from '@gearshift/tracker';
