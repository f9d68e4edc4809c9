import { createCircuitBreaker } from '../src/index.js';

export const LEASE_MS = 1000;

/** A breaker of its own, and the time that it goes by. */
export function setUp() {
  const time = { nowMs: 0 };
  const breaker = createCircuitBreaker({ device: 'cuda:0', clock: () => time.nowMs, leaseMs: LEASE_MS });
  return { breaker, time };
}
