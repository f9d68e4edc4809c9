/** Message of `gearshift:memory`: a memory budget at one instant, as frozen plain data. */
export interface MemoryBudgetSnapshot {
  readonly name: string;
  readonly freeBytes: number | null;
  readonly totalBytes: number | null;
  readonly capacityBytes: number;
  readonly availableBytes: number;
  readonly reservedBytes: number;
  readonly trackedBytes: number;
  readonly pressureRatio: number;
  readonly inflation: number;
  /** The source failed at the last attempt; the figures are from an older reading that decays. */
  readonly readingFailed: boolean;
}
