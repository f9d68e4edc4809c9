export {
  DECISION_REASONS,
  type AttemptOutcome,
  type AttemptReport,
  type Decision,
  type DecisionReason,
} from './attempt.js';
export {
  BACKEND_ERROR_KINDS,
  DEVICE_KINDS,
  type Backend,
  type BackendDescription,
  type BackendError,
  type BackendErrorKind,
  type DeviceKind,
  type MemoryReading,
  type PhaseTimes,
  type Residency,
  type SyncBackend,
  type UnsupportedReason,
} from './backend.js';
export { CHANNELS, TRACING_CHANNELS, type ChannelMessages, type TracingContexts } from './channels.js';
export { CHUNK_ERROR_KINDS, type ChunkAttempt, type ChunkErrorKind } from './chunk-attempt.js';
export { BREAKER_STATES, type BreakerCause, type BreakerEvent, type BreakerState } from './events/breaker-event.js';
export type { ChunkEvent, OutOfMemoryEvent, SplitEvent, SplitReason } from './events/chunk-events.js';
export type {
  AttemptEvent,
  DecisionEvent,
  DeviceEvent,
  ResidencyEvent,
  RunEvent,
  UploadEvent,
} from './events/dispatch-events.js';
export type { MemoryBudgetSnapshot } from './events/memory-budget-snapshot.js';
export type { Mismatch, VerifyEvent } from './events/verify-event.js';
export {
  COMPANION_STATUSES,
  type CompanionCounts,
  type CompanionState,
  type CompanionStatus,
} from './companion-state.js';
export { DTYPES, type Dtype, type Elements, type Float16Elements } from './elements/dtype.js';
export { createGraph, graphFromEdges, type CsrGraph, type CsrParts, type Edge } from './graph.js';
export {
  COMPANIONS,
  createMatrix,
  markChanged,
  readRow,
  rowsChangedSince,
  type Companion,
  type MatrixChange,
  type MatrixOptions,
  type VectorMatrix,
} from './matrix.js';
export { placementOf, type MatrixPlacer, type PlacedFiles, type PlacedMatrix } from './placed-matrix.js';
export { prepareOperand, type Operand } from './operand.js';
export {
  prepareCosineSimilarity,
  type CosineSimilarityRequest,
  type PreparedCosineSimilarity,
} from './operations/cosine-similarity.js';
export { OPERATIONS, type OperationName } from './operations/operation.js';
export { prepareRequest, requireOutput, type OperationRequest, type PreparedRequest } from './operations/operations.js';
export { finishTopK, NO_ROW } from './operations/min-score.js';
export type { SearchCounts, SearchWay } from './operations/search-counts.js';
export { compareRanked, mergeRanked, METRICS, type Metric, type RankedList } from './operations/ranking.js';
export {
  prepareSpreadActivation,
  SPREAD_DEFAULTS,
  type PreparedSpreadActivation,
  type SpreadActivationRequest,
} from './operations/spread-activation.js';
export {
  createTopKOutput,
  prepareTopK,
  requireTopKOutput,
  type PreparedTopK,
  type TopKOutput,
  type TopKRequest,
} from './operations/top-k.js';
export { NO_DEVICE, type DecisionContext, type DecisionSlot, type DeviceView } from './policy/decision-context.js';
export type { DispatchPolicy, PolicyImportError, PolicySnapshot, PolicyState } from './policy/dispatch-policy.js';
export type { DispatchSample, UploadSample } from './policy/dispatch-sample.js';
export type { DeviceMetrics } from './policy/device-metrics.js';
export type { MetricsSnapshot } from './policy/metrics-snapshot.js';
export type { DeviceForecast, OperationForecast, ShapeForecast, SizeForecast } from './policy/operation-forecast.js';
export { SUMS_LENGTH, type SharedLearning, type SharedSums } from './policy/shared-learning.js';
export { WORK_SHAPES, type Work, type WorkShape } from './policy/work.js';
export { err, ok, unwrap, type Result } from './result.js';
export type { RowRange } from './row-range.js';
export { RowSet, type RowSetLike } from './row-set.js';
export {
  COMPANION_PADDING_BYTES,
  NATIVE_ROWS_STATUS,
  type CompanionSource,
  type MatrixSnapshot,
  type NativeRows,
  type RowSpan,
  type StoredCompanion,
  type StoredRows,
} from './stored-rows.js';
export type { Completed, ItemRange, OutputOf, PartialAnswer, RunError, RunErrorKind } from './run-outcome.js';
