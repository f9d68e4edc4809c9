/**
 * - `closed`: requests pass.
 * - `open`: requests are blocked, and the missed savings are added up until a probe is worth its risk.
 * - `half-open`: one probe is under way, and other requests are blocked.
 * - `isolated`: an operator has isolated the device until it is restored.
 * - `dead`: the device is lost for good, until a new one replaces it.
 */
export const BREAKER_STATES = ['closed', 'open', 'half-open', 'isolated', 'dead'] as const;
export type BreakerState = (typeof BREAKER_STATES)[number];

/** Why a breaker changed its state: a closed set, safe as a label of a metric. */
export type BreakerCause =
  | 'consecutive-faults'
  | 'fault-rate'
  | 'hang'
  | 'wrong-result'
  | 'device-lost'
  | 'probe-due'
  | 'probe-succeeded'
  | 'probe-failed'
  | 'probe-expired'
  | 'probe-undecided'
  | 'isolated'
  | 'restored'
  | 'renewed';

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
