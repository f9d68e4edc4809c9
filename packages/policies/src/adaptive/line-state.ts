import { SUMS_LENGTH } from '@gearshift/contracts';
import { describeValue } from '@gearshift/contracts/internal';
import { BUCKET_COUNT, BUCKET_LENGTH, BUCKETS_AT, CostLine, LARGEST_RESIDUAL, LINE, type Cost } from './cost-line.js';

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

/**
 * The range of each figure, from the times that can be measured (10 ns to 10^12 ms) and the amounts of work that a machine can
 * do (up to 10^24 units). A figure beyond it is not a measurement, and the line could not be solved.
 */
const RANGES: Readonly<Record<(typeof FIGURES)[number], readonly [number, number]>> = {
  s11: [1e-30, 1e18],
  s12: [0, 1e42],
  s22: [1e-30, 1e66],
  t1: [1e-15, 1e15],
  t2: [0, 1e39],
  weight: [1, 1e6],
  squaredErrors: [0, 1e6],
  errorWeight: [0, 1e6],
  samples: [1, Number.MAX_SAFE_INTEGER],
};
const BUCKET_WEIGHT_RANGE = [0.1, 1e6] as const;
const COUNT_RANGE = [1, Number.MAX_SAFE_INTEGER] as const;
/** The line has to expect a time in this range for the work that it was learned with. */
const TIME_RANGE = [1e-9, 1e12] as const;
/** For rounding. */
const SLIGHTLY_MORE = 1.000001;

/**
 * What is wrong with the state of a line, with its place; undefined where nothing is.
 *
 * @param units an amount of work that the line was learned with.
 */
export function flawOfLine(path: string, value: unknown, prior: Cost, units: number): string | undefined {
  if (typeof value !== 'object' || value === null) return `${path}: expected a line, got ${describeValue(value)}`;
  for (const name of FIGURES) {
    const flaw = flawOfNumber(`${path}.${name}`, ownValue(value, name), RANGES[name]);
    if (flaw !== undefined) return flaw;
  }
  const state = value as LineState;
  const { s11, s12, s22, squaredErrors, errorWeight } = state;
  // By the Cauchy-Schwarz inequality.
  if (s12 * s12 > s11 * s22 * SLIGHTLY_MORE) {
    return `${path}.s12: expected at most the root of s11 * s22, ${Math.sqrt(s11 * s22)}, got ${s12}`;
  }
  if (squaredErrors > errorWeight * SLIGHTLY_MORE) {
    return `${path}.squaredErrors: expected at most errorWeight, ${errorWeight}, got ${squaredErrors}`;
  }
  const flaw = flawOfBuckets(`${path}.buckets`, ownValue(value, 'buckets'));
  return flaw ?? flawOfNumber(`${path}: the time of ${units} units of work`, timeOf(state, prior, units), TIME_RANGE);
}

/** What is wrong with a number, which may be 0 where the range begins with 0; undefined where nothing is. */
export function flawOfNumber(path: string, value: unknown, [low, high]: readonly [number, number]): string | undefined {
  if (typeof value === 'number' && value >= low && value <= high) return undefined;
  return `${path}: expected a number from ${low} to ${high}, got ${describeValue(value)}`;
}

/** Inherited properties are no part of a file. */
export function ownValue(object: object, key: string): unknown {
  return Object.hasOwn(object, key) ? (object as Record<string, unknown>)[key] : undefined;
}

function timeOf(state: LineState, prior: Cost, units: number): number {
  const line = new CostLine('', prior);
  takeOver(line, state);
  line.refresh(0, 0);
  return line.predict(units);
}

function flawOfBuckets(path: string, buckets: unknown): string | undefined {
  if (!Array.isArray(buckets) || buckets.length > BUCKET_COUNT) {
    return `${path}: expected a list of at most ${BUCKET_COUNT} buckets, got ${describeValue(buckets)}`;
  }
  let least = 0;
  for (const [index, bucket] of (buckets as unknown[]).entries()) {
    const place = `${path}[${index}]`;
    if (!Array.isArray(bucket) || bucket.length !== 4) {
      return `${place}: expected [number, sum, weight, samples], got ${describeValue(bucket)}`;
    }
    const [number, sum, weight, count] = bucket as unknown[];
    if (!Number.isInteger(number) || (number as number) < least || (number as number) >= BUCKET_COUNT) {
      return `${place}[0]: expected the number of a bucket from ${least} to ${BUCKET_COUNT - 1}, got ${describeValue(number)}`;
    }
    least = (number as number) + 1;
    const flaw =
      flawOfNumber(`${place}[2]`, weight, BUCKET_WEIGHT_RANGE) ?? flawOfNumber(`${place}[3]`, count, COUNT_RANGE);
    if (flaw !== undefined) return flaw;
    const most = LARGEST_RESIDUAL * (weight as number);
    if (!(typeof sum === 'number' && Math.abs(sum) <= most * SLIGHTLY_MORE)) {
      return `${place}[1]: expected a number from ${-most} to ${most}, got ${describeValue(sum)}`;
    }
  }
  return undefined;
}
