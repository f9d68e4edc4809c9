import type { Backend } from '../backend.js';
import type { VectorMatrix } from '../matrix.js';

/** Whether a backend reads the elements of a matrix. One that does not know of other types would take them for float32. */
export function readsElements({ dtypes }: Pick<Backend, 'dtypes'>, { dtype }: Pick<VectorMatrix, 'dtype'>): boolean {
  return dtype === undefined || dtype === 'float32' || dtypes?.includes(dtype) === true;
}
