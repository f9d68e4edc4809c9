import type {
  Companion,
  Dtype,
  Elements,
  Metric,
  PlacedFiles,
  PlacedMatrix,
  RowSetLike,
  RowSpan,
  TopKOutput,
  VectorMatrix,
} from '@gearshift/contracts';

/** The part of an executor that a collection uses: that of `createExecutor()` in the package `gearshift`. */
export interface CollectionExecutor {
  matrix(
    values: Elements,
    options: MatrixHints & ElementOptions & { readonly dimensions: number },
  ): Promise<CollectionMatrix>;
  open(path: string, options: MatrixHints & OpenFileOptions): Promise<CollectionMatrix>;
  topK(query: Float32Array, matrix: VectorMatrix | PlacedMatrix, options: RankingOptions): Promise<TopKOutput>;
}

/** What `placeCollection()` uses besides: an executor with a backend that can place matrices. */
export interface PlacingExecutor extends CollectionExecutor {
  place(
    name: string,
    source: PlacedFiles,
    options: { readonly signal?: AbortSignal | undefined },
  ): Promise<PlacedMatrix>;
  placed(name: string): PlacedMatrix | undefined;
}

/** Options for the matrix of a collection: see the options of `executor.matrix()`. */
export interface MatrixHints {
  /** Expected number of queries: helps the policy to decide on an upload to a GPU. Default: unknown. */
  readonly expectedUses?: number | undefined;
  /** Keep the vectors on the GPU that suits them, and never evict them. Default false. */
  readonly pin?: boolean | undefined;
  /** A smaller copy that a GPU also keeps, which makes queries faster with the same result. Default: none. */
  readonly companion?: Companion | undefined;
}

/** How the elements of vectors are kept. */
export interface ElementOptions {
  /** Vectors are rounded to elements of this type; scores are float32 for every type. Default `'float32'`. */
  readonly dtype?: Dtype | undefined;
  /**
   * Of int8, which needs it: elements are integers from -127 to 127 times the scale, and larger ones are cut off. `1 / 127` cuts off
   * nothing in normalised vectors; a smaller scale is more exact for elements that are small.
   */
  readonly scale?: number | undefined;
}

/** The part of an executor's matrix that a collection uses. */
export interface CollectionMatrix extends VectorMatrix, AsyncDisposable {
  append(rows: Float32Array): Promise<RowSpan>;
  update(update: { readonly start: number; readonly rows: Float32Array }): Promise<void>;
  remove(rows: readonly number[]): Promise<void>;
  compact(): Promise<Uint32Array>;
  pin(): VectorMatrix & Disposable;
  /** Writes the version that is the newest at the call. */
  save(path: string, options: { readonly signal?: AbortSignal | undefined }): Promise<void>;
}

interface OpenFileOptions {
  readonly verify?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Limits on the time of a query. */
export interface LimitOptions {
  readonly signal?: AbortSignal | undefined;
  /** Time for the whole query in milliseconds, from the call on. Default Infinity. */
  readonly deadlineMs?: number | undefined;
}

export interface RankingOptions extends LimitOptions {
  readonly k: number;
  readonly metric?: Metric | undefined;
  readonly queries?: number | undefined;
  readonly where?: RowSetLike | undefined;
  readonly minScore?: number | undefined;
}
