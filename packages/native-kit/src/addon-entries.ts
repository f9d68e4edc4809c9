/**
 * What every addon offers under the same names and with the same numbers. C++ has them in native/kit.
 */
export interface AddonModule {
  /** Raised whenever an entry of the addon changes. */
  readonly abi: number;
  /** Version of the package that the addon was built for. */
  readonly version: string;
}

/** Entries on resident copies, which a handle above 0 names. */
export interface ResidentEntries {
  /** One of {@link RESIDENT_STATE}. A copy that another thread began and gave up becomes the caller's to fill. */
  residentState(handle: number): number;
  /** 0 until the copy is ready. */
  residentBytes(handle: number): number;
  /** Whether a ready copy holds these values, by a sample of them: tells two operands that carry the same id apart. */
  matchesMatrix(handle: number, values: Float32Array): boolean;
  release(handle: number): void;
}

/** Entries on jobs, which the number that started one names. */
export interface JobEntries {
  /** Asks a job to end at the next opportunity; one that has ended already is left alone. */
  cancel(job: number): void;
}

/** Why an entry did not do its work: native/kit/status.h. */
export const ADDON_STATUS = {
  /** Of the device; of the CPU it is the host's. */
  outOfMemory: -1,
  cancelled: -2,
  fault: -3,
  timeout: -4,
  deviceLost: -5,
  /** An array lost its memory (detached, or shrunk) after it was checked. */
  inputGone: -6,
  outputGone: -7,
  /** The id and version belong to an operand of another shape. */
  shapeConflict: -8,
  /** The arrays of a graph changed since they were checked. */
  invalidGraph: -9,
  /** Of the host, while a device has its own. */
  noHostMemory: -10,
  /** The device returned an impossible result. */
  invalidResult: -11,
  /** The system gave the addon no thread. */
  noThread: -12,
} as const;

export const RESIDENT_STATE = {
  ready: 0,
  /** The caller fills it. */
  ours: 1,
  /** Another thread fills it, or another handle of this one. */
  theirs: 2,
} as const;

export const METRIC_CODES = { cosine: 0, dot: 1, euclidean: 2 } as const;
