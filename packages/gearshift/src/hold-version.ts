import type { NativeRows } from '@gearshift/contracts';
import { StoredMatrix, type StoredHandle, type Version } from '@gearshift/storage';

/** Matrices that another thread posted, by the object that arrived. */
const attached = new WeakMap<object, StoredMatrix>();

/**
 * Pins the newest version of a stored matrix for one request; the caller releases it. Undefined for any other argument: a
 * matrix that does not change, or a mistake for which the request has the error.
 */
export function holdVersion(matrix: unknown, native: NativeRows | undefined): Version | undefined {
  if (matrix instanceof StoredMatrix) return matrix.acquire();
  return isPosted(matrix) ? attach(matrix, native).acquire() : undefined;
}

export function isPosted(value: unknown): value is StoredHandle {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, 'stored');
}

/** The matrix behind a handle that arrived by `postMessage`: the same one each time. */
export function attach(handle: StoredHandle, native: NativeRows | undefined): StoredMatrix {
  let matrix = attached.get(handle);
  if (matrix === undefined) {
    matrix = StoredMatrix.attach(handle, { native });
    attached.set(handle, matrix);
  }
  return matrix;
}
