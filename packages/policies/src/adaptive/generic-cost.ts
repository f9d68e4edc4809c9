import type { DeviceKind, Work } from '@gearshift/contracts';

/** A line of cost: `fixedMs + msPerUnit * units`. */
export interface Cost {
  readonly fixedMs: number;
  readonly msPerUnit: number;
}

/**
 * Round figures that most machines of a kind are within a factor of ten of. They only have to carry the first few
 * decisions and sizes never seen: what is measured outweighs them from the first sample on.
 */
const GENERIC = {
  cpu: { fixedMs: 0.003, flopsPerMs: 5e7, bytesPerMs: 2e7 },
  gpu: { fixedMs: 0.03, flopsPerMs: 5e9, bytesPerMs: 4e8 },
  // Another machine's CPU, behind a network.
  remote: { fixedMs: 0.5, flopsPerMs: 5e7, bytesPerMs: 2e7 },
} as const;

/** 10 GB/s and what it takes to start a transfer. */
export const GENERIC_TRANSFER: Cost = { fixedMs: 0.02, msPerUnit: 1e-7 };

/** What this kind of device needs for requests like this one, whichever of arithmetic and memory takes longer. */
export function genericCost(kind: DeviceKind, work: Work): Cost {
  const { fixedMs, flopsPerMs, bytesPerMs } = GENERIC[kind];
  const runMs = Math.max(work.flops / flopsPerMs, work.bytes / bytesPerMs);
  return { fixedMs, msPerUnit: runMs / unitsOf(work) };
}

/** The amount of work by which time is predicted: arithmetic, or bytes where a request has none. */
export function unitsOf(work: Work): number {
  const units = work.flops > 0 ? work.flops : work.bytes;
  return units > 1 ? units : 1;
}
