import { ok, type PhaseTimes } from '@gearshift/contracts';

/** For requests with nothing to compute. */
export const NO_TIME: { readonly ok: true; readonly value: PhaseTimes } = ok({
  queueMs: 0,
  uploadMs: 0,
  kernelMs: 0,
  downloadMs: 0,
  totalMs: 0,
  fused: true,
});

/** A CPU reads and writes its operands while it computes, so everything except copies and waits is kernel time. */
export function measuredSince(
  startedAtMs: number,
  { queueMs = 0, uploadMs = 0 } = {},
): { readonly ok: true; readonly value: PhaseTimes } {
  const totalMs = performance.now() - startedAtMs;
  const kernelMs = Math.max(0, totalMs - queueMs - uploadMs);
  return { ok: true, value: { queueMs, uploadMs, kernelMs, downloadMs: 0, totalMs, fused: uploadMs === 0 } };
}
