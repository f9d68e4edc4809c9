import { COMMON as COMMON_FIELDS, DEVICE as DEVICE_FIELDS, type DeviceFigures } from './figures-layout.js';

/** Local, because V8 loads an imported binding again at each use. */
const COMMON = COMMON_FIELDS;
const DEVICE = DEVICE_FIELDS;

/**
 * Replaces the previous figures of one writer in a total by its new ones, at the same cost however many writers there are. All
 * are whole numbers, so subtracting what was added leaves no error.
 *
 * @param total its buckets are zero outside their range; the range may be too wide (see `trimBuckets`).
 */
export function replaceFigures(
  total: Float64Array,
  before: Float64Array,
  now: Float64Array,
  devices: readonly DeviceFigures[],
): void {
  replace(total, before, now, COMMON.records);
  replace(total, before, now, COMMON.fallbacks);
  for (const device of devices) {
    // In most trackers some devices never record anything: their figures are all zeros.
    if (isUsed(now, device) || isUsed(before, device)) replaceDevice(total, before, now, device);
  }
}

/** Removes empty buckets from both ends of a device's range, which nothing else makes narrower. */
export function trimBuckets(figures: Float64Array, { start, buckets }: DeviceFigures): void {
  let low = figures[start + DEVICE.bucketLow] | 0;
  let end = figures[start + DEVICE.bucketEnd] | 0;
  while (low < end && figures[buckets + low] === 0) low++;
  while (low < end && figures[buckets + end - 1] === 0) end--;
  figures[start + DEVICE.bucketLow] = low;
  figures[start + DEVICE.bucketEnd] = end;
}

/** Adds the doublings of one device, or subtracts them; the range of the total never gets narrower. */
export function addDoublings(
  total: Float64Array,
  figures: Float64Array,
  { start, doublings }: DeviceFigures,
  weight: 1 | -1,
): void {
  const low = figures[start + DEVICE.doublingLow] | 0;
  const end = figures[start + DEVICE.doublingEnd] | 0;
  for (let i = doublings + low; i < doublings + end; i++) total[i] += weight * figures[i];
  if (low < end) widen(total, start + DEVICE.doublingLow, start + DEVICE.doublingEnd, low, end);
}

function isUsed(figures: Float64Array, { start }: DeviceFigures): boolean {
  return figures[start + DEVICE.count] + figures[start + DEVICE.failures] > 0;
}

function replace(total: Float64Array, before: Float64Array, now: Float64Array, at: number): void {
  total[at] += now[at] - before[at];
}

function replaceDevice(total: Float64Array, before: Float64Array, now: Float64Array, device: DeviceFigures): void {
  const { start, buckets } = device;
  replace(total, before, now, start + DEVICE.windowSumNs);
  replace(total, before, now, start + DEVICE.windowCount);
  replace(total, before, now, start + DEVICE.count);
  replace(total, before, now, start + DEVICE.failures);
  replace(total, before, now, start + DEVICE.outOfMemory);
  replace(total, before, now, start + DEVICE.totalNs);
  replace(total, before, now, start + DEVICE.lostNs);
  replace(total, before, now, start + DEVICE.outcomeCount);
  replace(total, before, now, start + DEVICE.outcomeSuccesses);
  // Time does not go back, so the latest time of all is never one that is replaced.
  const lastAtMs = now[start + DEVICE.lastAtMs];
  if (lastAtMs > total[start + DEVICE.lastAtMs]) total[start + DEVICE.lastAtMs] = lastAtMs;

  const endBefore = buckets + (before[start + DEVICE.bucketEnd] | 0);
  for (let i = buckets + (before[start + DEVICE.bucketLow] | 0); i < endBefore; i++) total[i] -= before[i];
  const low = now[start + DEVICE.bucketLow] | 0;
  const end = now[start + DEVICE.bucketEnd] | 0;
  for (let i = buckets + low; i < buckets + end; i++) total[i] += now[i];
  if (low < end) widen(total, start + DEVICE.bucketLow, start + DEVICE.bucketEnd, low, end);

  addDoublings(total, before, device, -1);
  addDoublings(total, now, device, 1);
}

function widen(total: Float64Array, lowField: number, endField: number, low: number, end: number): void {
  const isEmpty = total[lowField] === total[endField];
  if (isEmpty || low < total[lowField]) total[lowField] = low;
  if (isEmpty || end > total[endField]) total[endField] = end;
}
