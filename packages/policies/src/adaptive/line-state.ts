import { SUMS_LENGTH } from '@gearshift/contracts';
import { BUCKET_COUNT, BUCKET_LENGTH, BUCKETS_AT, LINE, type CostLine } from './cost-line.js';

/** An imported line counts as at most this many samples. */
const IMPORTED_WEIGHT = 5;
const IMPORTED_BUCKET_WEIGHT = 1;
const FADING = ['s11', 's12', 's22', 't1', 't2', 'weight'] as const;
const FIGURES = [...FADING, 'squaredErrors', 'errorWeight', 'samples'] as const;
type Figures = Readonly<Record<(typeof FIGURES)[number], number>>;

/** A line as plain data: figures by name, and the buckets with samples. */
export interface LineState extends Figures {
  /** Number of the bucket, sum of its residuals, their weight, samples. */
  readonly buckets: readonly (readonly [number, number, number, number])[];
}

export function lineState(total: Float64Array): LineState {
  const figures = Object.fromEntries(FIGURES.map((name) => [name, total[LINE[name]]])) as Figures;
  const buckets: [number, number, number, number][] = [];
  for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) {
    const at = BUCKETS_AT + bucket * BUCKET_LENGTH;
    if (total[at + 2] > 0) buckets.push([bucket, total[at], total[at + 1], total[at + 2]]);
  }
  return { ...figures, buckets };
}

/** Adds the state to this thread's share, with little weight, unless more than that was measured here. */
export function takeOver({ sums }: CostLine, state: LineState): void {
  if (sums.total[LINE.weight] >= IMPORTED_WEIGHT) return;
  const { own } = sums;
  const share = Math.min(1, IMPORTED_WEIGHT / state.weight);
  for (const name of FADING) own[LINE[name]] += share * state[name];
  own[LINE.samples] += Math.min(state.samples, IMPORTED_WEIGHT);
  if (state.errorWeight > 0) {
    const errorShare = Math.min(1, IMPORTED_WEIGHT / state.errorWeight);
    own[LINE.squaredErrors] += errorShare * state.squaredErrors;
    own[LINE.errorWeight] += errorShare * state.errorWeight;
  }
  for (const [bucket, sum, weight, count] of state.buckets) {
    const at = BUCKETS_AT + bucket * BUCKET_LENGTH;
    const bucketShare = Math.min(1, IMPORTED_BUCKET_WEIGHT / weight);
    own[at] += bucketShare * sum;
    own[at + 1] += bucketShare * weight;
    own[at + 2] += Math.min(count, IMPORTED_WEIGHT);
  }
  sums.isNew = true;
  sums.changed(0, SUMS_LENGTH);
}

export function isLineState(value: unknown): value is LineState {
  if (typeof value !== 'object' || value === null) return false;
  const state = value as LineState;
  if (!FIGURES.every((name) => isAmount(state[name]))) return false;
  const { s11, s12, s22, t1, weight, samples, squaredErrors, errorWeight, buckets } = state;
  // There is no line with less than one sample, and by the Cauchy-Schwarz inequality s12² is at most s11 s22.
  if (!(samples >= 1 && weight > 0 && s11 > 0 && s22 > 0 && t1 > 0)) return false;
  if (s12 * s12 > s11 * s22 * 1.000001 || (errorWeight === 0 && squaredErrors > 0)) return false;
  return Array.isArray(buckets) && buckets.length <= BUCKET_COUNT && buckets.every(isBucket);
}

function isBucket(value: unknown): boolean {
  if (!Array.isArray(value) || value.length !== 4) return false;
  const [bucket, sum, weight, count] = value as unknown[];
  if (!Number.isInteger(bucket) || !isAmount(bucket) || bucket >= BUCKET_COUNT) return false;
  if (!isAmount(weight) || weight === 0 || !isAmount(count) || count === 0) return false;
  return typeof sum === 'number' && Number.isFinite(sum) && Math.abs(sum) <= weight * 1000;
}

export function isAmount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < Infinity;
}
