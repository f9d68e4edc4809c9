import type { AttemptReport, Backend, DispatchPolicy, ItemRange } from '@gearshift/contracts';
import type { AttemptRunner, Job } from '../attempt-runner.js';
import type { checkHangLimits } from '../failures/hang-limit.js';
import type { Timers } from '../failures/timers.js';
import type { DeviceQueue } from './device-queue.js';
import type { GpuPlace } from './gpu-place.js';

/** What all runs of a dispatcher have in common. */
export interface RunMeans {
  readonly attempts: AttemptRunner;
  readonly policy: DispatchPolicy;
  readonly clock: () => number;
  readonly timers: Timers;
  readonly hangLimits: ReturnType<typeof checkHangLimits>;
  readonly places: ReadonlyMap<Backend, GpuPlace>;
  readonly queues: ReadonlyMap<Backend, DeviceQueue>;
}

/** A device's turn at a job: the first is that of the chosen one, later ones are those of its stand-ins. */
export interface DeviceTurn {
  readonly backend: Backend;
  /** `undefined` for a CPU, which has none of it. */
  readonly place: GpuPlace | undefined;
  readonly job: Job;
  readonly means: RunMeans;
  /** Who does what this device fails at, in this order; nobody in strict mode. */
  readonly standIns: readonly Backend[];
  /** Every attempt at the job is added as it ends. */
  readonly reports: AttemptReport[];
  /** An earlier device failed. */
  readonly fallback: boolean;
  /** The first attempt holds the lease of the device's breaker. */
  readonly probe: boolean;
  /** Send the operand there first, to stay. */
  readonly keep: boolean;
  /** Without waiting; NaN where nobody predicted. */
  readonly predictedMs: number;
  /** What the device is believed to save against the next best; NaN where nobody can tell. */
  readonly savingMs: number;
}

/** What is done of a request, in items: rows from its first, candidates in their order, or nodes. */
export interface UnfinishedRun {
  readonly total: number;
  readonly done: readonly ItemRange[];
  readonly remaining: readonly ItemRange[];
}

/**
 * How a turn ended: with the answer, without anything, or with pieces missing that no stand-in could do either; the last
 * says whether not even the smallest of them could have its memory, for which no attempt stands.
 */
export type TurnEnd =
  | { readonly kind: 'done' }
  | { readonly kind: 'failed' }
  | { readonly kind: 'partial'; readonly partial: UnfinishedRun; readonly isShortOfMemory: boolean };

export const DONE: TurnEnd = { kind: 'done' };
export const FAILED: TurnEnd = { kind: 'failed' };
