import { expected } from '@gearshift/contracts/internal';
import { connectNats } from './nats/connect-nats.js';
import type { NatsCredentials, NatsOptions, NatsTls } from './nats/nats-options.js';
import { requireTransport } from './require-transport.js';
import type { ClusterTransport } from './transport.js';

/** How a party reaches the others: servers of NATS, or a connection of the caller's. Either is closed at the end. */
export interface ConnectionOptions {
  /** Instead of the other options. */
  readonly transport?: ClusterTransport | undefined;
  /** `host`, `host:port` or `nats://host:port`, each server of the NATS cluster; the default port is 4222. */
  readonly servers?: string | readonly string[] | undefined;
  readonly credentials?: NatsCredentials | undefined;
  /** Required with `servers`. `false`, plain text, is for servers on this machine only. */
  readonly tls?: NatsTls | false | undefined;
  /** See `NatsOptions`. */
  readonly inboxPrefix?: string | undefined;
}

/** For the tables of known options. */
export const CONNECTION_OPTIONS = {
  transport: true,
  servers: true,
  credentials: true,
  tls: true,
  inboxPrefix: true,
} as const;

/**
 * Opens the connection. Call it when all other options are checked, so that none of their errors leaves it open.
 *
 * @throws TypeError or RangeError that names the option; `ConnectError` when no server can be reached
 */
export async function openTransport(name: string, given: ConnectionOptions): Promise<ClusterTransport> {
  const { transport, servers, credentials, tls, inboxPrefix } = given;
  if (transport === undefined) {
    if (servers === undefined) throw new TypeError(expected('servers', 'the servers of NATS, or a transport', servers));
    // What is missing of `tls` is said there.
    return connectNats({ servers, name, credentials, tls, inboxPrefix } as NatsOptions);
  }
  const other = Object.entries({ servers, credentials, tls, inboxPrefix }).find(([, value]) => value !== undefined);
  if (other !== undefined) throw new TypeError(`${other[0]}: expected nothing beside a transport, got both`);
  return requireTransport('transport', transport);
}
