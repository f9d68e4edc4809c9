import type { Elements } from '@gearshift/contracts';
import { METRIC_CODES, type AddonModule, type JobEntries, type ResidentEntries } from '@gearshift/native-kit';

/**
 * The interface of the compiled native addon. This is the only file with it, and the only place where the loaded module is
 * cast to a type. All arguments are typed arrays or numbers: C++ receives pointers, counts and scalars. A `dtype` is one of
 * `DTYPE_CODES`, and arrays of elements must be of its kind; a `scale` has a meaning for int8 alone.
 *
 * Entries that can stop early return their position, or a negative status (`ADDON_STATUS`). They throw a TypeError for an
 * argument of the wrong type and a RangeError for counts that do not match: a mistake of this package, never of its user.
 */
export interface CpuAddon extends AddonModule, ResidentEntries, JobEntries {
  /** The number of queries per call of {@link score}; callers process more in steps of this number. */
  readonly queryGroup: number;
  /** The most queries per call of {@link topK}, which returns how many it has ranked. */
  readonly rankingGroup: number;

  /** Every instruction-set level of this build, best first. */
  levels(): AddonLevel[];
  /** CPUs that the process may use, limited by affinity and control-group quota. */
  threadLimit(): number;
  /** Estimated nanoseconds of one thread for a scan of `bytes` with so many queries. */
  estimateScanNs(context: number, dtype: number, bytes: number, queries: number): number;
  /** Estimated nanoseconds of one thread for one hop over so many edges and nodes. */
  estimateSpreadNs(context: number, edges: number, nodes: number): number;

  /**
   * A handle (above 0) to the copy of a matrix in this process, which is created if no thread has it yet, or a negative status.
   * {@link ResidentEntries.residentState} returns what remains to be done. With id -1 the copy belongs to the caller alone.
   *
   * With `values`, which must be in a SharedArrayBuffer, the rows are not copied but read where they are: the copy has only
   * their norms. The rest is for the rows of a stored matrix, see {@link StoredArguments}, and for the codes of its file, which a new
   * copy takes over if they are of this kind and not in use for another version.
   */
  openMatrix(
    id: number,
    version: number,
    rows: number,
    dimensions: number,
    dtype: number,
    scale: number,
    values?: Elements,
    ...stored: [...StoredArguments, ...SavedArguments]
  ): number;
  openGraph(id: number, version: number, nodes: number, edges: number): number;
  /**
   * Turns a ready copy into one of a later version, of which the rows in `ranges` (ascending pairs of start and end) and those
   * behind the earlier ones are still to be filled. Returns its handle, which is another one while the earlier version is in
   * use elsewhere; 0 if that is impossible, or a negative status.
   *
   * @param values of rows that are read where they are
   */
  updateMatrix(
    handle: number,
    version: number,
    rows: number,
    ranges: Float64Array,
    values?: Elements,
    ...stored: StoredArguments
  ): number;
  /**
   * Writes how many rows of a matrix have codes; how many bytes the codes take that searches use, of host memory and of memory of a
   * file: 0 until all rows have one; and 1 if {@link startEncodeStep} has nothing left to do, else 0.
   *
   * @param numbers four elements
   */
  readCodes(handle: number, numbers: Float64Array): void;
  /** Bytes of the codes of such a matrix; 0 if a scan takes less time than a search with codes, or there can be none. */
  codeBytesFor(dtype: number, scale: number, rows: number, dimensions: number): number;
  /** How many rows a copy lacks that the caller is to fill and that has taken over codes of a file; -1 if it has none of these. */
  missingBesideCodes(handle: number): number;
  /**
   * Writes how the codes of a matrix are made, as a file has it.
   *
   * @param target 16 bytes and 4 for each dimension
   * @returns the number of this build of codes, for {@link copyCodes}; 0 if rankings use no codes
   */
  describeCodes(context: number, handle: number, target: Uint8Array): number;
  /**
   * Copies whole rows of a part of the codes, or of the norms: those of the version that is given, if rows have changed since.
   *
   * @param part both halves; the scales, residuals and inverse squares of the upper halves; these three of whole codes; the norms
   * @returns 0, or a negative status if there are no such codes any more
   */
  copyCodes(
    context: number,
    handle: number,
    build: number,
    part: number,
    start: number,
    target: Uint8Array,
    ...stored: StoredArguments
  ): number;
  /**
   * What a ranking of so many rows of such a matrix, of which `considered` are not filtered out, would read first: an index into
   * {@link RANKING_FORMS}.
   */
  rankingForm(handle: number, range: number, considered: number, k: number, queries: number): number;
  /**
   * Takes over the rows that the copy lacks, from the one at position `from` of these on, until the slice is over; returns the
   * next position. The copy is ready after the last one.
   *
   * @param values of rows that are copied
   */
  fillMatrix(context: number, handle: number, values: Elements | undefined, from: number): number;
  /** Copies edges until the slice is over; returns the next position. The last position is nodes + edges. */
  fillGraph(
    context: number,
    handle: number,
    rowPointers: Uint32Array,
    columns: Uint32Array,
    weights: Float32Array,
    from: number,
  ): number;
  /**
   * Checks everything that {@link fillGraph} copied, and makes the copy ready. Returns 1 when it is ready, 0 when the slice
   * ended before, or a status.
   */
  buildGraph(context: number, handle: number): number;
  /**
   * Whether a ready graph should get its transposed form: {@link spreadActive} could not do so many hops for lack of it that they
   * took as long as making it. Then counts anew.
   */
  transposeDue(handle: number): boolean;

  /**
   * Sets the block of scalars and results, unless this thread has one already; returns the block in use. The three entries
   * below read their scalars from it.
   */
  shareBlock(block: Uint8Array): Uint8Array;
  /**
   * Scores of rows `[from, end)` for the queries `[firstQuery, firstQuery + queryGroup)`, written to
   * `output[query * (end - start) + row - start]`. Returns the next row.
   *
   * Scalars: context, handle, start, end, from, firstQuery; dimensions, dtype and scale if handle is 0, and sequence for those
   * of a stored matrix.
   *
   * @param values the caller's own rows, if handle is 0
   * @param mask one bit for each row up to `end`, as in the words of a row set: only these rows are scored, others are NaN
   */
  score(
    query: Float32Array,
    output: Float32Array,
    values?: Elements,
    mask?: Uint32Array,
    ...stored: StoredArrayArguments
  ): number;
  /**
   * The best `k` of rows `[from, end)`, or of `candidates[from..end)`, for the first of the queries from `firstQuery` on, at most
   * {@link rankingGroup}. Query `q` writes at `(q - outputQuery) * k`, `min(k, processed rows)` entries: to the block, unless arrays
   * are given. Returns the next row or candidate.
   *
   * Scalars: context, handle, end, from, firstQuery, k, outputQuery; queries: 0, or for a later slice of the rows the number that the
   * first one has written there; dimensions, dtype and scale if handle is 0, and sequence for the rows of a stored matrix. Writes
   * queries, and those of the search, at least scanned: see {@link TopKDone}.
   *
   * @param mask only these rows are ranked, as in {@link score}; not with candidates
   */
  topK(
    query: Float32Array,
    values?: Elements,
    candidates?: Uint32Array,
    indices?: Uint32Array,
    scores?: Float32Array,
    mask?: Uint32Array,
    ...stored: StoredArrayArguments
  ): number;
  /**
   * One hop for the receiving nodes `[from, end)`, written to `output[node - start]`. Returns the next node.
   *
   * Scalars: context, handle, start, end, from, decay, retention, threshold.
   */
  spread(activations: Float32Array, output: Float32Array): number;
  /**
   * Hops that only read the edges of active nodes, with the bits of {@link spread}, as long as few nodes are active and the graph
   * has its transposed form. Returns how many hops were done, at most `hops`; 0 leaves the output as it was.
   *
   * Scalars: those of {@link spread}, with `from` = `start`, and hops; more than one over all nodes only.
   */
  spreadActive(activations: Float32Array, output: Float32Array): number;

  /**
   * The same operations on the threads of the addon, whole requests at a time. Inputs are copied before the call returns,
   * except a `source` array, which must live in a SharedArrayBuffer and is described by the dimensions, dtype and scale. Outputs are copied into the caller's arrays on this
   * thread when the job ends, right before `done` is called. Returns a number for {@link JobEntries.cancel}, or a negative status.
   */
  startScore(
    context: number,
    source: number | Elements,
    dimensions: number,
    dtype: number,
    scale: number,
    query: Float32Array,
    output: Float32Array,
    start: number,
    end: number,
    mask: Uint32Array | undefined,
    done: JobDone,
    ...stored: StoredArguments
  ): number;
  startTopK(
    context: number,
    source: number | Elements,
    dimensions: number,
    dtype: number,
    scale: number,
    query: Float32Array,
    indices: Uint32Array,
    scores: Float32Array,
    k: number,
    start: number,
    end: number,
    candidates: Uint32Array | undefined,
    mask: Uint32Array | undefined,
    done: TopKDone,
    ...stored: StoredArguments
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
  /** Fills the copy of a matrix with rows that are read where they are. The caller must be the one to fill it. */
  startFill(context: number, handle: number, done: JobDone): number;
  /**
   * Makes codes of the rows of a matrix that is ready, from which later rankings are found with the same result in less time. Does
   * nothing if it has them, if another thread is about it, or if there is not enough memory.
   */
  startEncode(context: number, handle: number, done: JobDone): number;
  /**
   * Does a part of that on one thread, for about so many milliseconds, after the parts that were done before; {@link readCodes} says
   * how far it came. Once all rows of a large matrix have codes it looks for centres of the rows, which make later rankings faster
   * still. The matrix may be changed meanwhile: then the job ends, and changed rows get new codes when they are filled.
   */
  startEncodeStep(context: number, handle: number, durationMs: number, done: JobDone): number;
  /** Runs {@link buildGraph} to its end on a thread of the addon. */
  startBuild(handle: number, done: JobDone): number;
  /**
   * Makes a piece of the transposed form of a graph that is ready. Reports {@link TRANSPOSE_MORE} while there is more to do; 0 when the
   * graph has its form or another thread is about it.
   */
  startTranspose(handle: number, done: JobDone): number;

  /** Changes of a stored matrix, see `NativeRows` of the contracts. The first eight arguments are its memory. */
  appendRows(...args: [...StoredMemoryArguments, rows: Uint8Array]): number;
  updateRows(...args: [...StoredMemoryArguments, start: number, rows: Uint8Array]): number;
  removeRows(...args: [...StoredMemoryArguments, rows: Uint32Array]): number;
  /** Number of the guard, or 0 when there is no memory. */
  guardPin(control: Int32Array, index: number): number;
  forgetPin(guard: number): void;
  adviseHugePages(bytes: Uint8Array): void;
  /**
   * Zeros, in new pages in place of those that a file may be mapped to.
   *
   * @param hasWholePages 1 if the memory begins on a page of a growable buffer, and ends on one or with the buffer; else 0
   */
  dropPages(bytes: Uint8Array, hasWholePages: number): void;
  /** The same memory is needed. Returns 0, or the number of the system's error. */
  mapFile(bytes: Uint8Array, fileDescriptor: number, fileOffset: number): number;
  pageSize(): number;
}

/** What a reader of a stored matrix needs besides the rows. Left out for rows that do not change while they are read. */
export type StoredArrayArguments = [] | [control: Int32Array, heads: Uint32Array, log: Uint8Array];
export type StoredArguments = [] | [sequence: number, control: Int32Array, heads: Uint32Array, log: Uint8Array];

/**
 * The codes of a file: their memory and their description, a layout of the number of rows, the rows that there is room for, and where
 * each part begins, and the rows that have changed since, as ascending pairs of start and end. The context is that of the norms.
 */
export type SavedArguments =
  [] | [context: number, memory: Uint8Array, description: Uint8Array, layout: Float64Array, changed: Float64Array];

/** The memory of a stored matrix, see `StoredRows` of the contracts. */
export type StoredMemoryArguments = [
  control: Int32Array,
  rows: Uint8Array,
  stamps: Int32Array,
  heads: Uint32Array,
  log: Uint8Array,
  removed: Uint32Array,
  removals: Int32Array,
  bytesPerRow: number,
];

/** Called once on the thread that started the job, with 0 or a negative status, and the times of its wait and its run. */
export type JobDone = (status: number, queueMs: number, runMs: number) => void;

/**
 * What a top-k says of its search, 0 where it is left out.
 *
 * @param scanned rows that were considered by their codes; 0 if all were scored; -1 the same, although codes would have been faster
 * @param examined by their whole code
 * @param rescored rows that were scored
 * @param whole of `examined`, at once because half of the code left too many
 * @param plain of `rescored`, without a look at the code because the codes left too many
 */
export type TopKDone = (
  status: number,
  queueMs: number,
  runMs: number,
  scanned?: number,
  examined?: number,
  rescored?: number,
  whole?: number,
  plain?: number,
) => void;

export interface AddonLevel {
  readonly name: string;
  /** Required CPU features that this CPU lacks, separated by spaces; empty when the level can run. */
  readonly missing: string;
  /** CPU features beyond the required ones that make the level faster on this CPU, separated by spaces. */
  readonly features: string;
}

export const TRANSPOSE_MORE = 1;

/** The rows, the upper halves of codes, or whole codes for many queries at once. */
export const RANKING_FORMS = [undefined, 'codes', 'codes-together'] as const;

/** Incremented with every change of an entry of {@link CpuAddon}. */
export const ADDON_ABI = 14;

/** Bits of the context, which says how to run a call. */
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

/** The largest number of threads in a context. */
export const MAX_THREADS = 2 ** 17;

/** The loader has checked that the module is the addon with this version and interface. */
export function asCpuAddon(module: AddonModule): CpuAddon {
  return module as CpuAddon;
}
