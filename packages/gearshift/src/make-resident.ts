import type { Operand } from '@gearshift/contracts';
import { isGraph, readsElements } from '@gearshift/contracts/internal';
import type { Dispatcher } from '@gearshift/dispatcher';
import { throwAbort } from './run-errors.js';

/**
 * Makes the operand resident on the CPU. Running out of memory for that is not an error: later requests run without it, or
 * report why they cannot.
 */
export async function makeResident(
  operand: Operand,
  dispatcher: Dispatcher,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const backend of dispatcher.backends) {
    if (backend.kind !== 'cpu' || backend.makeResident === undefined) continue;
    if (!isGraph(operand) && !readsElements(backend, operand)) continue;
    const resident = await backend.makeResident(operand, signal);
    if (!resident.ok && resident.error.kind === 'aborted') {
      backend.release?.(operand);
      throwAbort(resident.error.message, signal);
    }
  }
}
