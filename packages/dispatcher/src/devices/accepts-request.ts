import type { Backend, OperationRequest } from '@gearshift/contracts';

/**
 * Whether the backend accepts the request; a GPU that cannot even say so does not. A CPU is not asked: it is the last
 * resort, and a program without a GPU pays nothing.
 */
export function acceptsRequest(backend: Backend, request: OperationRequest): boolean {
  if (backend.kind === 'cpu') return true;
  try {
    return backend.supports(request) === true;
  } catch {
    return false;
  }
}
