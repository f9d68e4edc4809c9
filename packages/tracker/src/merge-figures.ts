import { DEVICE as DEVICE_FIGURES, FIGURES as ALL_FIGURES, type DeviceFigures } from './layout.js';

/** Constants to the compiler, unlike what is imported, which is looked up again at each use. */
const DEVICE = DEVICE_FIGURES;
const FIGURES = ALL_FIGURES;

/**
 * In a total, what one writer contributed before is replaced by what it contributes now: one that moved costs the same
 * however many others there are. Whole numbers, so nothing is lost by taking away what was added.
 *
 * @param total its buckets are zero outside their range; the range may be too wide (see `trimBuckets`).
 */
export function replaceFigures(total: Float64Array, before: Float64Array, now: Float64Array): void {
  replace(total, before, now, FIGURES.records);
  replace(total, before, now, FIGURES.outcomeCount);
  replace(total, before, now, FIGURES.outcomeSuccesses);
  replace(total, before, now, FIGURES.outOfMemory);
  replace(total, before, now, FIGURES.fallbacks);
  replaceDevice(total, before, now, FIGURES.cpu);
  replaceDevice(total, before, now, FIGURES.gpu);
}

/** Makes a total of nothing. */
export function clearFigures(total: Float64Array): void {
  total.fill(0);
}

/** Takes empty buckets off both ends of a device's range, which elsewhere only ever grows. */
export function trimBuckets(figures: Float64Array, { start, buckets }: DeviceFigures): void {
  let low = figures[start + DEVICE.bucketLow] | 0;
  let end = figures[start + DEVICE.bucketEnd] | 0;
  while (low < end && figures[buckets + low] === 0) low++;
  while (low < end && figures[buckets + end - 1] === 0) end--;
  figures[start + DEVICE.bucketLow] = low;
  figures[start + DEVICE.bucketEnd] = end;
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
  replace(total, before, now, start + DEVICE.totalNs);
  replace(total, before, now, start + DEVICE.lostNs);
  // Time does not go back, so the latest of all is never the one that is replaced.
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

/** Adds what one device's latencies were for life, or takes it off; a range never gets narrower. */
export function addDoublings(total: Float64Array, figures: Float64Array, device: DeviceFigures, weight: 1 | -1): void {
  const { doublings, doublingLow, doublingEnd } = device;
  const low = figures[doublingLow] | 0;
  const end = figures[doublingEnd] | 0;
  for (let i = doublings + low; i < doublings + end; i++) total[i] += weight * figures[i];
  if (low < end) widen(total, doublingLow, doublingEnd, low, end);
}

function widen(total: Float64Array, lowField: number, endField: number, low: number, end: number): void {
  const isEmpty = total[lowField] === total[endField];
  if (isEmpty || low < total[lowField]) total[lowField] = low;
  if (isEmpty || end > total[endField]) total[endField] = end;
}
