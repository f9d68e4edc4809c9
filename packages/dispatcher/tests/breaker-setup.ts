import { createCircuitBreaker } from '../src/index.js';

export const LEASE_MS = 1000;

/** A new breaker, and the time that its clock returns. */
export function setUp() {
  const time = { nowMs: 0 };
  const breaker = createCircuitBreaker({ device: 'cuda:0', clock: () => time.nowMs, leaseMs: LEASE_MS });
  return { breaker, time };
}
