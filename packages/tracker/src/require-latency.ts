import { expected } from '@gearshift/contracts/internal';

/** Eleven days. More is a wrong unit, and sums of nanoseconds would no longer be exact. */
const MAX_LATENCY_MS = 1e9;

export function requireLatency(latencyMs: number): void {
  if (typeof latencyMs === 'number' && latencyMs >= 0 && latencyMs <= MAX_LATENCY_MS) return;
  const message = expected('latencyMs', `a number of milliseconds from 0 to ${MAX_LATENCY_MS}`, latencyMs);
  throw typeof latencyMs === 'number' ? new RangeError(message) : new TypeError(message);
}
