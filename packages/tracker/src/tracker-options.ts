import type { DeviceKind, OperationName } from '@gearshift/contracts';

/** A device, or a service, that operations run on: one of Gearshift's kinds, or any name that a tracker was created with. */
export type DeviceName = DeviceKind | 'remote' | (string & {});

export interface TrackerOptions {
  /** How many of the most recent samples of each kind, operation and writer the window holds, 1 to 65,536. Default 100. */
  readonly windowSize?: number | undefined;
  /** The operations that are tracked. Default: those of Gearshift. */
  readonly operations?: readonly OperationName[] | undefined;
  /**
   * What the operations run on, 1 to 32 names. Default `'cpu'`, `'gpu'` and `'remote'`: the kinds of device that an executor
   * records attempts of. It also counts under the ids of backends that are named here.
   */
  readonly devices?: readonly DeviceName[] | undefined;
  /** How many trackers can publish at the same time, this one included, 1 to 1,024. Default 64. */
  readonly maxWriters?: number | undefined;
  /** How many different names {@link Tracker.sums} has room for, 0 to 1,024. Default 48. */
  readonly maxSums?: number | undefined;
}

/** Defaults of {@link TrackerOptions}. */
export const TRACKER_DEFAULTS = {
  windowSize: 100,
  devices: ['cpu', 'gpu', 'remote'],
  maxWriters: 64,
  maxSums: 48,
} as const;
