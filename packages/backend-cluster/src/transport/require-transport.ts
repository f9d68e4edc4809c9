import { expected } from '@gearshift/contracts/internal';
import type { ClusterTransport } from './transport.js';

/** `value` as a connection. */
export function requireTransport(name: string, value: unknown): ClusterTransport {
  const { ask, askAll, watch } = (value ?? {}) as Partial<ClusterTransport>;
  if (typeof ask === 'function' && typeof askAll === 'function' && typeof watch === 'function') {
    return value as ClusterTransport;
  }
  throw new TypeError(expected(name, 'a ClusterTransport', value));
}
