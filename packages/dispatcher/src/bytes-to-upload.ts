import type { Backend, PreparedRequest, Work } from '@gearshift/contracts';

/** Bytes that the backend has to be sent for this request alone, as far as it can tell. */
export function bytesToUpload(backend: Backend, request: PreparedRequest, work: Work): number {
  if (backend.kind === 'cpu') return 0;
  return work.requestBytes + Math.min(missingBytes(backend, request, work), work.rangeBytes);
}

/** Bytes of the operand that the backend does not hold: all of them, where it keeps nothing or cannot tell. */
export function missingBytes(backend: Backend, request: PreparedRequest, work: Work): number {
  const operand = request.operation === 'spread-activation' ? request.graph : request.matrix;
  try {
    return backend.residency?.(operand).bytesToUpload ?? work.operandBytes;
  } catch {
    return work.operandBytes;
  }
}
