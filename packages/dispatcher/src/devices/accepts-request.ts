import type { OperationRequest } from '@gearshift/contracts';
import type { Device } from './device.js';

/**
 * Whether the device accepts the request; one that throws does not. A CPU is not asked: it is the last resort, and a program
 * without a GPU pays nothing.
 */
export function acceptsRequest({ backend, guard }: Device, request: OperationRequest): boolean {
  if (guard === undefined) return true;
  try {
    return backend.supports(request) === true;
  } catch {
    return false;
  }
}
