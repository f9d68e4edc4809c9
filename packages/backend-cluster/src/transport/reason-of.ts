import { isError } from '@gearshift/contracts/internal';
import type { TransportError, TransportErrorReason } from './transport.js';

/** Why a transport failed; `'closed'` for anything that is no {@link TransportError}. */
export function reasonOf(error: unknown): TransportErrorReason {
  return isError(error, 'TransportError') ? (error as Error & Pick<TransportError, 'reason'>).reason : 'closed';
}
