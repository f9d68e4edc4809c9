import type { Backend, PreparedRequest, Work } from '@gearshift/contracts';
import { dispatchOperationOf } from '../operations/dispatch-operations.js';

/** Bytes that the backend has to be sent for this request alone, as far as it can tell. */
export function bytesToUpload(backend: Backend, request: PreparedRequest, work: Work): number {
  return work.requestBytes + Math.min(missingBytes(backend, request, work), work.rangeBytes);
}

/** Bytes of the operand that the backend does not hold: all of them, where it keeps nothing or cannot tell. */
export function missingBytes(backend: Backend, request: PreparedRequest, work: Work): number {
  try {
    return backend.residency?.(dispatchOperationOf(request).operandOf(request)).bytesToUpload ?? work.operandBytes;
  } catch {
    return work.operandBytes;
  }
}
