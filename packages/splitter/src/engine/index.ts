export { ChunkRun, type EarlierRun } from './chunk-run.js';
export type { ChunkCall, ChunkWork, Rejection, RunSummary } from './chunk-work.js';
export { guardedCall, type CallEnd, type CallLimits } from './guarded-call.js';
export type { LaneOptions } from './lane.js';
export { runOnLanes } from './run-on-lanes.js';
export { RunLimit, type StopKind } from './run-limit.js';
export { checkRunOptions, type CheckedRun } from './check-run-options.js';
export { checkLimits, type CheckedLimits } from '../sizing/chunk-limits.js';
export { isTimeable, NODE_TIMERS } from '../timers.js';
