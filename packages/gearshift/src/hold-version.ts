import { StoredGraph, StoredMatrix, type GraphHandle, type StoredHandle, type Version } from '@gearshift/storage';
import type { OperandOwner } from './operand-owner.js';

/** Matrices and graphs that another thread posted, by the object that arrived. */
const attached = new WeakMap<object, StoredMatrix | StoredGraph>();

/**
 * Holds the newest version of a stored matrix or graph for one request; the caller releases it. Undefined for any other
 * argument: an operand that does not change, or a mistake for which the request has the error.
 */
export function holdVersion(operand: unknown, owner: OperandOwner): Version | undefined {
  if (operand instanceof StoredMatrix || operand instanceof StoredGraph) return operand.acquire();
  return isPosted(operand) ? attach(operand, owner).acquire() : undefined;
}

export function isPosted(value: unknown): value is StoredHandle | GraphHandle {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, 'stored');
}

/** The matrix or graph behind a handle that arrived by `postMessage`: the same one each time. */
export function attach(handle: StoredHandle | GraphHandle, owner: OperandOwner): StoredMatrix | StoredGraph {
  let operand = attached.get(handle);
  if (operand === undefined) {
    operand = isGraphHandle(handle) ? StoredGraph.attach(handle, owner) : StoredMatrix.attach(handle, owner);
    attached.set(handle, operand);
  }
  return operand;
}

function isGraphHandle(handle: StoredHandle | GraphHandle): handle is GraphHandle {
  return Object.hasOwn(handle, 'nodes');
}
