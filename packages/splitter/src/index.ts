export {
  CHUNK_ERROR_KINDS,
  type ChunkAttempt,
  type ChunkErrorKind,
  type ChunkEvent,
  type MemoryBudgetSnapshot,
  type OutOfMemoryEvent,
  type SplitEvent,
  type SplitReason,
} from '@gearshift/contracts';
export type { ChunkError, OperandVersion, PartialRun, ThrownCause } from './errors/chunk-error.js';
export type { ClassifyError } from './errors/classify-failure.js';
export { createMemoryBudget } from './memory/create-memory-budget.js';
export { createHostMemorySource, type HostMemoryOptions } from './memory/create-host-memory-source.js';
export { createSharedLedger } from './memory/ledger.js';
export { BUDGET_DEFAULTS, type MemoryBudget, type MemoryBudgetOptions } from './memory/memory-budget.js';
export type { MemorySource, MemoryReader } from './memory/memory-source.js';
export type { Reservation, ReservationRefusal } from './memory/reservation.js';
export { processInChunks, type ItemFunction, type ItemOptions } from './process-in-chunks.js';
export type { Range } from './done-ranges.js';
export { resume } from './resume.js';
export { runRanges, type RangeFunction, type RangeOptions } from './run-ranges.js';
export type { RunSummary } from './engine/chunk-work.js';
export type { ItemOutput } from './engine/item-work.js';
export { RETRY_DEFAULTS, type FailedCall, type RetryOptions } from './engine/retry-plan.js';
export { RUN_DEFAULTS, type ChunkOptions, type OnFault, type RunProgress } from './engine/chunk-options.js';
export type { ChunkLimits } from './sizing/chunk-limits.js';
export { createChunkSizer, type ChunkSizer, type ChunkSizerOptions } from './sizing/chunk-sizer.js';
export { planChunks } from './sizing/plan-chunks.js';
export { reserveWhole } from './sizing/reserve-whole.js';
export { stageWrites, type ResultArray, type StagedFunction } from './stage-writes.js';
export type { Clock, Timers } from './timers.js';
