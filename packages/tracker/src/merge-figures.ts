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

/** Adds another writer's figures to a total. Buckets outside the total's range count as 0, whatever the array holds. */
export function addFigures(total: Float64Array, figures: Float64Array): void {
  for (let i = 0; i < ADDED.length; i++) total[ADDED[i]] += figures[ADDED[i]];
  addDevice(total, figures, FIGURES.cpu);
  addDevice(total, figures, FIGURES.gpu);
}

function addDevice(total: Float64Array, figures: Float64Array, at: DeviceFigures): void {
  total[at.lastAtMs] = Math.max(total[at.lastAtMs], figures[at.lastAtMs]);
  const low = figures[at.bucketLow];
  const end = figures[at.bucketEnd];
  if (low === end) return;
  const buckets = at.buckets;
  if (total[at.bucketLow] === total[at.bucketEnd]) {
    total.fill(0, buckets + low, buckets + end);
    total[at.bucketLow] = low;
    total[at.bucketEnd] = end;
  } else {
    widen(total, at, low, end);
  }
  for (let i = buckets + low; i < buckets + end; i++) total[i] += figures[i];
}

function widen(total: Float64Array, at: DeviceFigures, low: number, end: number): void {
  while (total[at.bucketLow] > low) total[at.buckets + --total[at.bucketLow]] = 0;
  while (total[at.bucketEnd] < end) total[at.buckets + total[at.bucketEnd]++] = 0;
}
