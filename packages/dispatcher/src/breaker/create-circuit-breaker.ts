import { expected, optionNames, readOptions, requireFinite } from '@gearshift/contracts/internal';
import { BREAKER_DEFAULTS, type CircuitBreaker, type CircuitBreakerOptions } from './circuit-breaker.js';
import { SavingsBreaker } from './savings-breaker.js';

const OPTIONS = optionNames<CircuitBreakerOptions>({ device: true, clock: true, leaseMs: true });

/**
 * @throws TypeError or RangeError that names the invalid option.
 *
 * @example
 * const breaker = createCircuitBreaker({ device: 'cuda:0' });
 * const admission = breaker.admit(cpuMs - gpuMs);
 * if (admission !== 'block') breaker.record((await attempt()).outcome, latencyMs, admission === 'probe');
 */
export function createCircuitBreaker(options: CircuitBreakerOptions): CircuitBreaker {
  const given = readOptions('options', options, OPTIONS);
  const { device, clock = () => performance.now(), leaseMs = BREAKER_DEFAULTS.leaseMs } = given;
  if (typeof device !== 'string') throw new TypeError(expected('device', 'a string', device));
  if (typeof clock !== 'function') throw new TypeError(expected('clock', 'a function', clock));
  return new SavingsBreaker(device, clock, requireFinite('leaseMs', leaseMs, 0));
}
