import type { Operand } from '@gearshift/contracts';
import { isGraph } from '@gearshift/contracts/internal';
import type { Dispatcher } from '@gearshift/dispatcher';
import { throwAbort } from './run-errors.js';

const MATRIX_ARRAYS = ['values'] as const;
const GRAPH_ARRAYS = ['rowPointers', 'columns', 'weights'] as const;

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
  let memory: O | undefined = operand;
  const owned = {
    ...operand,
    async [Symbol.asyncDispose]() {
      const held = memory;
      if (held === undefined) return;
      memory = undefined;
      dispatcher.release(held);
    },
  };
  // Getters, so that the memory can be dropped even if the caller has frozen the operand. `postMessage` sends the arrays.
  const kind = isGraph(operand) ? 'graph' : 'matrix';
  for (const name of isGraph(operand) ? GRAPH_ARRAYS : MATRIX_ARRAYS) {
    Object.defineProperty(owned, name, {
      enumerable: true,
      get() {
        if (memory === undefined) throw new TypeError(`${kind} is disposed`);
        return memory[name as keyof O];
      },
    });
  }
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
