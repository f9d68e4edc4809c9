import { FIGURES, type DeviceFigures } from './layout.js';

const ADDED = [
  FIGURES.cpu.windowSumNs,
  FIGURES.cpu.windowCount,
  FIGURES.cpu.count,
  FIGURES.cpu.failures,
  FIGURES.gpu.windowSumNs,
  FIGURES.gpu.windowCount,
  FIGURES.gpu.count,
  FIGURES.gpu.failures,
  FIGURES.records,
  FIGURES.outcomeCount,
  FIGURES.outcomeSuccesses,
  FIGURES.outOfMemory,
  FIGURES.fallbacks,
] as const;

/**
 * In a total, what one writer contributed before is replaced by what it contributes now: one that moved costs the same
 * however many others there are. Whole numbers, so nothing is lost by taking away what was added.
 *
 * @param total its buckets are zero outside their range; the range may be too wide (see `trimBuckets`).
 */
export function replaceFigures(total: Float64Array, before: Float64Array, now: Float64Array): void {
  for (let i = 0; i < ADDED.length; i++) total[ADDED[i]] += now[ADDED[i]] - before[ADDED[i]];
  replaceDevice(total, before, now, FIGURES.cpu);
  replaceDevice(total, before, now, FIGURES.gpu);
}

/** Makes a total of nothing. */
export function clearFigures(total: Float64Array): void {
  total.fill(0);
}

function replaceDevice(total: Float64Array, before: Float64Array, now: Float64Array, at: DeviceFigures): void {
  // Time does not go back, so the latest of all is never the one that is replaced.
  if (now[at.lastAtMs] > total[at.lastAtMs]) total[at.lastAtMs] = now[at.lastAtMs];
  const last = at.buckets + before[at.bucketEnd];
  for (let i = at.buckets + before[at.bucketLow]; i < last; i++) total[i] -= before[i];
  addBuckets(total, now, at);
}

function addBuckets(total: Float64Array, now: Float64Array, at: DeviceFigures): void {
  const low = now[at.bucketLow];
  const end = now[at.bucketEnd];
  if (low === end) return;
  for (let i = at.buckets + low; i < at.buckets + end; i++) total[i] += now[i];
  if (total[at.bucketLow] === total[at.bucketEnd]) {
    total[at.bucketLow] = low;
    total[at.bucketEnd] = end;
    return;
  }
  if (low < total[at.bucketLow]) total[at.bucketLow] = low;
  if (end > total[at.bucketEnd]) total[at.bucketEnd] = end;
}

/** Takes empty buckets off both ends of a device's range, which elsewhere only ever grows. */
export function trimBuckets(figures: Float64Array, at: DeviceFigures): void {
  let low = figures[at.bucketLow];
  let end = figures[at.bucketEnd];
  while (low < end && figures[at.buckets + low] === 0) low++;
  while (low < end && figures[at.buckets + end - 1] === 0) end--;
  figures[at.bucketLow] = low;
  figures[at.bucketEnd] = end;
}
