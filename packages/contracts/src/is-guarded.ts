import type { Backend } from './backend.js';

/** Whether attempts on the backend need a time limit, a circuit breaker and verification: see {@link Backend.isGuarded}. */
export function isGuarded(backend: Pick<Backend, 'kind' | 'isGuarded'>): boolean {
  return backend.isGuarded ?? backend.kind !== 'cpu';
}
