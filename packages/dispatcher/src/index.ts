// The options and results of a dispatcher, and the events that it publishes.
export type {
  AttemptEvent,
  BreakerCause,
  BreakerEvent,
  BreakerState,
  Completed,
  DecisionEvent,
  DeviceEvent,
  DispatchPolicy,
  ItemRange,
  MemoryBudgetSnapshot,
  OutputOf,
  PartialAnswer,
  ResidencyEvent,
  RunError,
  RunErrorKind,
  RunEvent,
  UploadEvent,
  VerifyEvent,
} from '@gearshift/contracts';
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
export type { BreakerSnapshot, OpenCause } from './breaker/breaker-snapshot.js';
export {
  BREAKER_DEFAULTS,
  type Admission,
  type CircuitBreaker,
  type CircuitBreakerOptions,
} from './breaker/circuit-breaker.js';
export { createCircuitBreaker } from './breaker/create-circuit-breaker.js';
export type { HangLimits } from './attempts/hang-limit.js';
export type { Timers } from '@gearshift/splitter';
export { describeWork } from './operations/dispatch-operations.js';
export type { MemoryLimits } from './devices/gpu-memory.js';
