import { expected, requireExpectedUses } from '@gearshift/contracts/internal';
import type { GraphOptions } from './executor.js';

/** The hint for the policy. A pinned operand has infinitely many expected uses. */
export function usesOf({ expectedUses, pin = false }: GraphOptions): number | undefined {
  if (typeof pin !== 'boolean') throw new TypeError(expected('pin', 'a boolean', pin));
  return pin ? Infinity : requireExpectedUses('expectedUses', expectedUses);
}
