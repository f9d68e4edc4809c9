import { DENSE_COUNT, FIGURES, type DeviceFigures } from './layout.js';

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

/** Makes a total of nothing; what its buckets hold does not matter while their range is empty. */
export function clearFigures(total: Float64Array): void {
  total.fill(0, 0, DENSE_COUNT);
}

/** Adds a writer's figures to a total. */
export function addFigures(total: Float64Array, figures: Float64Array): void {
  for (let i = 0; i < ADDED.length; i++) total[ADDED[i]] += figures[ADDED[i]];
  addDevice(total, figures, FIGURES.cpu);
  addDevice(total, figures, FIGURES.gpu);
}

function addDevice(total: Float64Array, figures: Float64Array, at: DeviceFigures): void {
  if (figures[at.lastAtMs] > total[at.lastAtMs]) total[at.lastAtMs] = figures[at.lastAtMs];
  const low = figures[at.bucketLow];
  const end = figures[at.bucketEnd];
  if (low === end) return;
  const first = at.buckets + low;
  const last = at.buckets + end;
  if (total[at.bucketLow] === total[at.bucketEnd]) {
    for (let i = first; i < last; i++) total[i] = figures[i];
    total[at.bucketLow] = low;
    total[at.bucketEnd] = end;
    return;
  }
  while (total[at.bucketLow] > low) total[at.buckets + --total[at.bucketLow]] = 0;
  while (total[at.bucketEnd] < end) total[at.buckets + total[at.bucketEnd]++] = 0;
  for (let i = first; i < last; i++) total[i] += figures[i];
}
