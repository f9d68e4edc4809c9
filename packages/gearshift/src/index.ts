export { createExecutor } from './create-executor.js';
export type {
  BackendName,
  BackendStatus,
  CosineSimilarityOptions,
  Executor,
  ExecutorDescription,
  ExecutorOptions,
  ExecutorSnapshot,
  GraphOptions,
  GraphSource,
  MatrixOptions,
  OwnedGraph,
  OwnedMatrix,
  RunOptions,
  SpreadActivationOptions,
  TopKOptions,
  Vector,
} from './executor.js';
export { AllDevicesFailedError, NoBackendError } from './run-errors.js';

// What the answers and options of an executor are made of, so that most programs need no other package.
export type {
  AttemptReport,
  Backend,
  BackendDescription,
  BackendError,
  BackendErrorKind,
  CosineSimilarityRequest,
  CsrGraph,
  CsrParts,
  Decision,
  DecisionReason,
  DeviceKind,
  Edge,
  Metric,
  OperationName,
  OperationRequest,
  PhaseTimes,
  Result,
  SpreadActivationRequest,
  TopKOutput,
  TopKRequest,
  VectorMatrix,
} from '@gearshift/contracts';
export {
  pinnedPolicy,
  thresholdPolicy,
  type Completed,
  type DecisionCounts,
  type DispatchPolicy,
  type FallbackMode,
  type RunError,
  type ThresholdPolicyOptions,
} from '@gearshift/dispatcher';
export {
  attachTracker,
  createTracker,
  type MetricsSnapshot,
  type Tracker,
  type TrackerHandle,
} from '@gearshift/tracker';
