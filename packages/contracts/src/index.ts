export {
  expected,
  requireExpectedUses,
  requireFinite,
  requireFloat32Array,
  requireInteger,
  requireObject,
  requireUint32Array,
} from './arguments.js';
export {
  DECISION_REASONS,
  type AttemptOutcome,
  type AttemptReport,
  type Decision,
  type DecisionReason,
} from './attempt.js';
export {
  BACKEND_ERROR_KINDS,
  type Backend,
  type BackendDescription,
  type BackendError,
  type BackendErrorKind,
  type DeviceKind,
  type MemoryReading,
  type Operand,
  type PhaseTimes,
  type Residency,
  type SyncBackend,
  type UnsupportedReason,
} from './backend.js';
export { CHANNELS, TRACING_CHANNELS } from './channels.js';
export { createGraph, graphFromEdges, type CsrGraph, type CsrParts, type Edge } from './graph.js';
export { readHostMemory, type HostMemory, type HostMemoryFiles } from './host-memory/host-memory.js';
export {
  COMPANIONS,
  createMatrix,
  markChanged,
  rowsChangedSince,
  type Companion,
  type MatrixChange,
  type MatrixOptions,
  type VectorMatrix,
} from './matrix.js';
export { nextOperandId } from './operand-id.js';
export {
  METRICS,
  OPERATIONS,
  SPREAD_DEFAULTS,
  type CosineSimilarityRequest,
  type Metric,
  type OperationName,
  type OperationRequest,
  type RowRange,
  type SpreadActivationRequest,
  type TopKOutput,
  type TopKRequest,
} from './operations.js';
export { createTopKOutput, requireOutput, requireTopKOutput } from './outputs.js';
export {
  prepareCosineSimilarity,
  prepareOperand,
  prepareRequest,
  prepareSpreadActivation,
  prepareTopK,
} from './prepare.js';
export {
  isPrepared,
  type PreparedCosineSimilarity,
  type PreparedRequest,
  type PreparedSpreadActivation,
  type PreparedTopK,
} from './prepared.js';
export { compareRanked, mergeRanked, type RankedList } from './ranking.js';
export { allErrors, err, firstError, ok, unwrap, type Result } from './result.js';
