import { err, type Backend, type VectorMatrix } from '@gearshift/contracts';
import type { BackendAnswer } from './dispatch-operation.js';

/** Whether a backend reads the elements of a matrix. One that does not know of other types would take them for float32. */
export function readsElements({ dtypes }: Backend, { dtype }: VectorMatrix): boolean {
  return dtype === undefined || dtype === 'float32' || dtypes?.includes(dtype) === true;
}

/** The answer of a backend that does not read the elements of a matrix; undefined for any other. */
export function refuseElements(backend: Backend, matrix: VectorMatrix): BackendAnswer | undefined {
  if (readsElements(backend, matrix)) return undefined;
  const message = `${backend.id}: it does not read matrices of ${matrix.dtype}`;
  return err({ kind: 'unsupported', message, backend: backend.id });
}
