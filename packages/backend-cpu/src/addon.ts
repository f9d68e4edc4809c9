import { METRIC_CODES, type AddonModule, type JobEntries, type ResidentEntries } from '@gearshift/native-kit';

/**
 * What the native addon offers, exactly as it is compiled. The only file that knows it, and the only place where the
 * loaded module is cast to a type. Everything that is no typed array is a number: C++ receives pointers, counts and scalars.
 *
 * Entries that can stop early return how far they came, or a negative status (`ADDON_STATUS`). They throw TypeError for an
 * argument of the wrong type and RangeError for counts that disagree: a mistake of this package, never of its user.
 */
export interface CpuAddon extends AddonModule, ResidentEntries, JobEntries {
  /** How many queries one call works on; callers go through more in steps of this. */
  readonly queryGroup: number;

  /** Every instruction-set level of this build, best first. */
  levels(): AddonLevel[];
  /** CPUs the process may really use: affinity and control-group quota. */
  threadLimit(): number;
  /** Nanoseconds one thread would take for a scan of `bytes` with so many queries, as learned so far. */
  estimateScanNs(context: number, bytes: number, queries: number): number;
  /** Nanoseconds one thread would take for one hop over so many edges and nodes. */
  estimateSpreadNs(context: number, edges: number, nodes: number): number;

  /**
   * A handle (above 0) to the process's copy of a matrix, which is made if no thread has it yet, or a negative status. {@link ResidentEntries.residentState}
   * returns what is left to do. With id -1 the copy is the caller's alone.
   */
  openMatrix(id: number, version: number, rows: number, dimensions: number): number;
  openGraph(id: number, version: number, nodes: number, edges: number): number;
  /** Copies rows from `from` on until the slice is over; returns the next row. The last row makes the copy ready. */
  fillMatrix(context: number, handle: number, values: Float32Array, from: number): number;
  /** Takes edges over until the slice is over; returns the next position, the last being nodes + edges. */
  fillGraph(
    context: number,
    handle: number,
    rowPointers: Uint32Array,
    columns: Uint32Array,
    weights: Float32Array,
    from: number,
  ): number;
  /**
   * Checks what {@link fillGraph} took over, in full, and makes the copy ready. Returns 1 when it is, 0 when the slice was
   * over before, or a status.
   */
  buildGraph(context: number, handle: number): number;

  /**
   * Takes the block of scalars and results, unless this thread has one already; the one in use. The three entries below
   * read their scalars from it.
   */
  shareBlock(block: Uint8Array): Uint8Array;
  /**
   * Scores of rows `[from, end)` for the queries `[firstQuery, firstQuery + queryGroup)`, written to
   * `output[query * (end - start) + row - start]`. Returns the next row.
   *
   * Scalars: context, handle, start, end, from, firstQuery; dimensions where handle is 0.
   *
   * @param values the caller's own rows, where handle is 0
   */
  score(query: Float32Array, output: Float32Array, values?: Float32Array): number;
  /**
   * The best `k` of rows `[from, end)`, or of `candidates[from..end)`, for the same queries. Query `q` writes at
   * `(q - outputQuery) * k`, as many entries as `min(k, rows looked at)`: to the block, unless arrays are given. Returns
   * the next row or candidate.
   *
   * Scalars: context, handle, end, from, firstQuery, k, outputQuery; dimensions where handle is 0.
   */
  topK(
    query: Float32Array,
    values?: Float32Array,
    candidates?: Uint32Array,
    indices?: Uint32Array,
    scores?: Float32Array,
  ): number;
  /**
   * One hop for the receiving nodes `[from, end)`, written to `output[node - start]`. Returns the next node.
   *
   * Scalars: context, handle, start, end, from, decay, retention, threshold.
   */
  spread(activations: Float32Array, output: Float32Array): number;

  /**
   * The same operations on the threads of the addon, whole requests at a time. Inputs are copied before the call returns,
   * except a `source` array, which must live in a SharedArrayBuffer. Outputs are copied into the caller's arrays on this
   * thread when the job ends, right before `done` is called. Returns a number for {@link JobEntries.cancel}, or a negative status.
   */
  startScore(
    context: number,
    source: number | Float32Array,
    dimensions: number,
    query: Float32Array,
    output: Float32Array,
    start: number,
    end: number,
    done: JobDone,
  ): number;
  startTopK(
    context: number,
    source: number | Float32Array,
    dimensions: number,
    query: Float32Array,
    indices: Uint32Array,
    scores: Float32Array,
    k: number,
    start: number,
    end: number,
    candidates: Uint32Array | undefined,
    done: JobDone,
  ): number;
  startSpread(
    context: number,
    handle: number,
    activations: Float32Array,
    output: Float32Array,
    start: number,
    end: number,
    hops: number,
    decay: number,
    retention: number,
    threshold: number,
    done: JobDone,
  ): number;
  /** Fills the resident matrix from values in a SharedArrayBuffer; the handle must be the caller's to fill. */
  startFill(context: number, handle: number, values: Float32Array, done: JobDone): number;
  /** {@link buildGraph} on a thread of the addon, to the end. */
  startBuild(handle: number, done: JobDone): number;
}

/** Called once on the thread that started the job: 0 or a negative status, and how long it waited and ran. */
export type JobDone = (status: number, queueMs: number, runMs: number) => void;

export interface AddonLevel {
  readonly name: string;
  /** CPU features it needs and this CPU lacks, separated by spaces; empty when it can run. */
  readonly missing: string;
}

/** Raised whenever an entry of {@link CpuAddon} changes. */
export const ADDON_ABI = 3;

/** Bits of the context: how a call is to be run. */
const LEVEL_SHIFT = 2;
const SLICE_SHIFT = 5;
const THREADS_SHIFT = 13;

/**
 * How an entry runs, packed into one small integer, because each argument of a native call costs some nanoseconds.
 *
 * @param level index into {@link CpuAddon.levels}
 * @param sliceMs the call returns at the first opportunity after this many milliseconds, at most 255
 */
export function encodeContext(
  metric: keyof typeof METRIC_CODES,
  level: number,
  threads: number,
  sliceMs: number,
): number {
  return METRIC_CODES[metric] | (level << LEVEL_SHIFT) | (sliceMs << SLICE_SHIFT) | (threads << THREADS_SHIFT);
}

/** The largest number of threads a context can carry. */
export const MAX_THREADS = 2 ** 17;

/** The loader has checked that the module is the addon, and of this version and interface. */
export function asCpuAddon(module: AddonModule): CpuAddon {
  return module as CpuAddon;
}
