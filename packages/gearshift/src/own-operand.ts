import type { Operand } from '@gearshift/contracts';
import type { Dispatcher } from '@gearshift/dispatcher';
import { throwAbort } from './run-errors.js';

/**
 * Makes the operand resident on the CPU, and disposable. The disposal has a symbol as its key, which `postMessage` leaves
 * out, so another thread receives the plain operand.
 *
 * Running out of memory for the resident copy is not an error: later requests run without it, or report why they cannot.
 */
export async function ownOperand<O extends Operand>(
  operand: O,
  dispatcher: Dispatcher,
  signal: AbortSignal | undefined,
): Promise<O & AsyncDisposable> {
  let disposed = false;
  const owned = {
    ...operand,
    async [Symbol.asyncDispose]() {
      if (disposed) return;
      disposed = true;
      dispatcher.release(owned);
      forbidUse(owned);
    },
  };
  for (const backend of dispatcher.backends) {
    if (backend.kind !== 'cpu' || backend.makeResident === undefined) continue;
    const resident = await backend.makeResident(owned, signal);
    if (!resident.ok && resident.error.kind === 'aborted') {
      backend.release?.(owned);
      throwAbort(resident.error.message, signal);
    }
  }
  return owned;
}

/** Drops the references to the memory, and makes later requests throw. Requests under way keep their own references. */
function forbidUse(operand: Operand): void {
  const memory = 'rowPointers' in operand ? (['rowPointers', 'columns', 'weights'] as const) : (['values'] as const);
  const what = 'rowPointers' in operand ? 'graph' : 'matrix';
  for (const name of memory) {
    Object.defineProperty(operand, name, {
      enumerable: true,
      get: () => {
        throw new TypeError(`${what} is disposed`);
      },
    });
  }
}
