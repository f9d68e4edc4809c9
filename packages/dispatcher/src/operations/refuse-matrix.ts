import { err, type Backend, type VectorMatrix } from '@gearshift/contracts';
import { CheckedPlacedMatrix, readsElements, refusePlaced } from '@gearshift/contracts/internal';
import type { BackendAnswer } from './dispatch-operation.js';

/** The answer of a backend that does not read the rows of a matrix; undefined for any other. */
export function refuseMatrix(backend: Backend, matrix: VectorMatrix): BackendAnswer | undefined {
  const reason = whyUnread(backend, matrix);
  return reason === undefined
    ? undefined
    : err({ kind: 'unsupported', message: `${backend.id}: ${reason}`, backend: backend.id });
}

/**
 * Why a backend must not be asked about a matrix, if so: one that does not know of other element types than float32, or of rows that are
 * elsewhere, would read something else.
 */
export function whyUnread(backend: Backend, matrix: VectorMatrix): string | undefined {
  if (CheckedPlacedMatrix.is(matrix)) return reaches(backend, matrix) ? undefined : refusePlaced(matrix);
  return readsElements(backend, matrix) ? undefined : `it does not read matrices of ${matrix.dtype}`;
}

/** A backend that throws does not have it. */
function reaches({ placed }: Backend, matrix: CheckedPlacedMatrix): boolean {
  try {
    return placed?.has(matrix) === true;
  } catch {
    return false;
  }
}
