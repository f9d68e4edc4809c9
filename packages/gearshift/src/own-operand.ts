import type { Operand } from '@gearshift/contracts';
import type { Dispatcher } from '@gearshift/dispatcher';
import { throwAbort } from './run-errors.js';

/**
 * Makes the operand resident on the CPU, and disposable. The disposal is keyed by a symbol, which `postMessage` leaves
 * out: what arrives in another thread is the plain operand.
 *
 * Lack of memory for the resident copy is no failure: whatever request comes later goes without, or says why it cannot.
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

/** Frees the memory, and lets any later request name the mistake; requests under way hold what they need. */
function forbidUse(operand: Operand): void {
  const memory = 'rowPointers' in operand ? (['rowPointers', 'columns', 'weights'] as const) : (['values'] as const);
  const what = 'rowPointers' in operand ? 'graph' : 'matrix';
  for (const name of memory) {
    Object.defineProperty(operand, name, {
      enumerable: true,
      get: () => {
        throw new TypeError(`${what}: expected one that is in use, got one that was disposed`);
      },
    });
  }
}
