/** Whether rankings of a matrix use a companion on a device. */
export interface CompanionState {
  /** Id of the backend. */
  readonly backend: string;
  /**
   * - `'ready'`: rankings use it.
   * - `'building'`: it is being made, while no request is under way.
   * - `'waiting'`: it will be made as soon as no request is under way.
   * - `'earning'`: it will be made once it would have saved as much time as it takes.
   * - `'refused'`: it was not made, for lack of memory or budget; it is tried again when it would have saved that time once more.
   * - `'none'`: the matrix does not ask for one, or it would save no time.
   */
  readonly status: CompanionStatus;
  /** Why, in a sentence. */
  readonly reason: string;
  /** What it takes in host memory, or of a mapped file; 0 unless it is ready, and for one in the memory of a GPU. */
  readonly bytes: number;
}

export const COMPANION_STATUSES = ['ready', 'building', 'waiting', 'earning', 'refused', 'none'] as const;
export type CompanionStatus = (typeof COMPANION_STATUSES)[number];

/** The companions that a backend keeps in host memory. */
export interface CompanionCounts {
  /** Host memory of those that are ready, without those that came with a file. */
  readonly bytes: number;
  /**
   * Those that came with a file: of a mapped file they are pages that the system may drop, otherwise memory that the matrix has had
   * since it was opened. No budget limits them.
   */
  readonly fileBytes: number;
  /** How much of it those may take that are made automatically; null: half of the memory that is free when one is to be made. */
  readonly budgetBytes: number | null;
  /** Matrices with a companion that is ready. */
  readonly matrices: number;
  /** Being made, or about to be. */
  readonly building: number;
  /** Made automatically since the backend was opened. */
  readonly built: number;
  /** Not made since then, by reason. */
  readonly refused: { readonly budget: number; readonly memory: number };
}
