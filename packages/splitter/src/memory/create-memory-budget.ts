import { expected, optionNames, readOptions, requireFinite } from '@gearshift/contracts/internal';
import { requireFraction, requireLimit } from '../require-limit.js';
import { requireClock } from '../timers.js';
import { createLocalLedger, openSharedLedger } from './ledger.js';
import { LedgerBudget } from './ledger-budget.js';
import { BUDGET_DEFAULTS, type MemoryBudget, type MemoryBudgetOptions } from './memory-budget.js';
import { readerOf, type MemorySource } from './memory-source.js';

const OPTIONS = optionNames<MemoryBudgetOptions>({
  name: true,
  capBytes: true,
  usableFraction: true,
  reserveBytes: true,
  maxAgeMs: true,
  floorBytes: true,
  pressureThreshold: true,
  abandonedHoldMs: true,
  ledger: true,
  clock: true,
});

/**
 * Creates the memory budget of one device.
 *
 * @param source reads how much memory the device has: {@link createHostMemorySource}, any backend, or a function of your
 * own. Where the free memory is unknown (`null`), the budget follows from the cap and the total.
 * @throws TypeError or RangeError for an invalid option. Errors of the source are never thrown.
 *
 * @example
 * const budget = createMemoryBudget(backend, { capBytes: 4 * 2 ** 30, reserveBytes: 256 * 2 ** 20 });
 */
export function createMemoryBudget(source: MemorySource, options: MemoryBudgetOptions = {}): MemoryBudget {
  const read = readerOf(source);
  const { ledger, clock, ...rest } = readOptions('options', options, OPTIONS);
  const given = { ...BUDGET_DEFAULTS, ...withoutUndefined(rest) };
  if (typeof given.name !== 'string') throw new TypeError(expected('name', 'a string', given.name));
  return new LedgerBudget(read, {
    name: given.name,
    capBytes: requireLimit('capBytes', given.capBytes, 0),
    usableFraction: requireFraction('usableFraction', given.usableFraction, 0, 1),
    reserveBytes: requireFinite('reserveBytes', given.reserveBytes, 0),
    maxAgeMs: requireFinite('maxAgeMs', given.maxAgeMs, 0),
    floorBytes: requireFinite('floorBytes', given.floorBytes, 0),
    pressureThreshold: requireFraction('pressureThreshold', given.pressureThreshold, 0, 1),
    abandonedHoldMs: requireLimit('abandonedHoldMs', given.abandonedHoldMs, 0),
    ledger: ledger === undefined ? createLocalLedger() : openSharedLedger(ledger),
    clock: requireClock('clock', clock),
  });
}

function withoutUndefined(options: MemoryBudgetOptions): MemoryBudgetOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
