import type { BreakerCause, BreakerState } from './breaker-snapshot.js';

/** Message of `gearshift:breaker`: a breaker changed its state. */
export interface BreakerEvent {
  /** Id of the backend. */
  readonly device: string;
  readonly from: BreakerState;
  readonly to: BreakerState;
  readonly cause: BreakerCause;
  /** The breaker's monotonic clock. */
  readonly atMs: number;
}

/** Message of `gearshift:device`: a device was lost for good, or a new one took its place. */
export interface DeviceEvent {
  /** Id of the backend. */
  readonly device: string;
  readonly kind: 'lost' | 'renewed';
  /** How many devices this backend has had before: handles of an earlier epoch are invalid. */
  readonly epoch: number;
}
