import { err, type Backend, type VectorMatrix } from '@gearshift/contracts';
import { readsElements } from '@gearshift/contracts/internal';
import type { BackendAnswer } from './dispatch-operation.js';

/** The answer of a backend that does not read the elements of a matrix; undefined for any other. */
export function refuseElements(backend: Backend, matrix: VectorMatrix): BackendAnswer | undefined {
  if (readsElements(backend, matrix)) return undefined;
  const message = `${backend.id}: it does not read matrices of ${matrix.dtype}`;
  return err({ kind: 'unsupported', message, backend: backend.id });
}
