import type { Dtype, Elements } from '@gearshift/contracts';

/**
 * Entries of every addon, with the same names and numbers as in C++ (native/kit).
 */
export interface AddonModule {
  /** Incremented with every change of an entry of the addon. */
  readonly abi: number;
  /** Version of the package that the addon was built for. */
  readonly version: string;
}

/** Entries for resident copies, which have handles above 0. */
export interface ResidentEntries {
  /** One of {@link RESIDENT_STATE}. The caller has to fill a copy that another thread began and gave up. */
  residentState(handle: number): number;
  /** 0 until the copy is ready. */
  residentBytes(handle: number): number;
  /**
   * Whether a ready copy holds these values, by a sample of them: detects two operands with the same id. The values must have the
   * type of elements of the copy.
   */
  matchesMatrix(handle: number, values: Elements): boolean;
  release(handle: number): void;
  /**
   * Tells V8 how many bytes outside of its heap an object keeps alive until it is collected; once for each object. Returns all
   * bytes that are reported now.
   */
  reportMemory(owner: object, bytes: number): number;
}

/** Entries for jobs, which have numbers. */
export interface JobEntries {
  /** Cancels a job at the next opportunity; has no effect on an ended job. */
  cancel(job: number): void;
}

/** Why an entry failed: native/kit/status.h. */
export const ADDON_STATUS = {
  /** Memory of the device; for the CPU that of the host. */
  outOfMemory: -1,
  cancelled: -2,
  fault: -3,
  timeout: -4,
  deviceLost: -5,
  /** An array was detached or shrunk after it was checked. */
  inputGone: -6,
  outputGone: -7,
  /** The id and version belong to an operand of another shape or of other elements. */
  shapeConflict: -8,
  /** The arrays of a graph changed since they were checked. */
  invalidGraph: -9,
  /** Memory of the host, for a device with its own memory. */
  noHostMemory: -10,
  /** The device returned an impossible result. */
  invalidResult: -11,
  /** The system could not create a thread for the addon. */
  noThread: -12,
} as const;

export const RESIDENT_STATE = {
  ready: 0,
  /** The caller has to fill the copy. */
  ours: 1,
  /** Another thread fills the copy, or another handle of this thread. */
  theirs: 2,
} as const;

/** The codes of docs/file-format.md. */
export const DTYPE_CODES = { float32: 1, float16: 2, bfloat16: 3, int8: 4 } as const satisfies Record<Dtype, number>;

export const METRIC_CODES = { cosine: 0, dot: 1, euclidean: 2 } as const;
