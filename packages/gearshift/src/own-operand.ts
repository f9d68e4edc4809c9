import type { CsrGraph, Operand } from '@gearshift/contracts';
import { isGraph, readsElements } from '@gearshift/contracts/internal';
import type { Dispatcher } from '@gearshift/dispatcher';
import { throwAbort } from './run-errors.js';

const ARRAYS = ['rowPointers', 'columns', 'weights'] as const;

/**
 * Makes the graph resident on the CPU, and disposable. The disposal has a symbol as its key, which `postMessage` leaves
 * out, so another thread receives the plain graph.
 */
export async function ownGraph(
  graph: CsrGraph,
  dispatcher: Dispatcher,
  signal: AbortSignal | undefined,
): Promise<CsrGraph & AsyncDisposable> {
  let memory: CsrGraph | undefined = graph;
  const owned = {
    ...graph,
    async [Symbol.asyncDispose]() {
      const held = memory;
      if (held === undefined) return;
      memory = undefined;
      dispatcher.release(held);
    },
  };
  // Getters, so that the memory can be dropped even if the caller has frozen the graph. `postMessage` sends the arrays.
  for (const name of ARRAYS) {
    Object.defineProperty(owned, name, {
      enumerable: true,
      get() {
        if (memory === undefined) throw new TypeError('graph is disposed');
        return memory[name];
      },
    });
  }
  await makeResident(owned, dispatcher, signal);
  return owned;
}

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
