import { randomUUID } from 'node:crypto';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { isIP } from 'node:net';
import { connect, nkeyAuthenticator, type ConnectionOptions, type TlsOptions } from '@nats-io/transport-node';
import { describeThrown } from '@gearshift/contracts/internal';
import type { ClusterTransport } from '../transport.js';
import { ConnectError, explain, problemOf, type ConnectProblem } from './connect-error.js';
import { inboxOf, readNatsOptions, type NatsOptions, type NatsSettings, type ServerAddress } from './nats-options.js';
import { NatsTransport } from './nats-transport.js';
import { reachServers } from './reach-servers.js';

const CONNECT_MS = 5000;
/** A server that answers no ping for three of these counts as lost. */
const PING_MS = 2000;
const MAX_OPEN_PINGS = 2;
/** Workers of a large cluster do not return to a restarted server all at once. */
const RECONNECT_MIN_MS = 100;
const RECONNECT_MAX_MS = 1500;

/**
 * Connects to a NATS server, over TLS unless `tls` is `false`. A lost connection is made again for ever.
 *
 * @throws TypeError and RangeError for wrong options
 * @throws {@link ConnectError} with the `problem`: `'dns'`, `'refused'`, `'authorization'`, ...; no message contains the seed
 */
export async function connectNats(options: NatsOptions): Promise<ClusterTransport> {
  const settings = readNatsOptions(options);
  const reached = await reachServers(settings.servers, { tls: settings.tls, timeoutMs: CONNECT_MS });
  try {
    const connection = await connect(clientOptions(settings, inReachedOrder(settings.servers, reached)));
    return new NatsTransport(connection, inboxFor(settings), () => connectNats(options));
  } catch (error) {
    const problem = problemOf(error);
    const at = reached.map(({ host, port }) => `${host}:${port}`).join(', ');
    const message = `no connection to NATS at ${at}: ${explain(problem)}${hint(problem, error, settings)}`;
    throw new ConnectError(problem, message, { cause: error });
  }
}

function hint(problem: ConnectProblem, error: unknown, { tls }: NatsSettings): string {
  if (problem === 'other') return ` (${describeThrown(error)})`;
  const isCertificate = problem === 'timeout' && tls !== false && tls.certFile !== undefined;
  return isCertificate ? '; a server that does not accept the certificate in tls.certFile says nothing' : '';
}

/** In a random order, so that clients spread over the servers; those that answered come first. */
function inReachedOrder(servers: readonly ServerAddress[], reached: readonly ServerAddress[]): ServerAddress[] {
  const order = servers.map((server) => ({ server, rank: (reached.includes(server) ? 0 : 1) + Math.random() }));
  return order.sort((a, b) => a.rank - b.rank).map(({ server }) => server);
}

function clientOptions({ name, seed, tls, servers: known }: NatsSettings, servers: ServerAddress[]): ConnectionOptions {
  return {
    servers: servers.map(({ host, port }) => `${isIP(host) === 6 ? `[${host}]` : host}:${port}`),
    noRandomize: true,
    // Addresses from the server itself would be checked against no name that was configured.
    ignoreClusterUpdates: true,
    name: `gearshift ${name}`,
    timeout: CONNECT_MS,
    pingInterval: PING_MS,
    maxPingOut: MAX_OPEN_PINGS,
    maxReconnectAttempts: -1,
    // A server that is being configured may refuse a key for a while.
    ignoreAuthErrorAbort: true,
    reconnectDelayHandler: () => RECONNECT_MIN_MS + Math.random() * (RECONNECT_MAX_MS - RECONNECT_MIN_MS),
    tls: tls === false ? null : clientTls(tls, known),
    ...(seed !== undefined && { authenticator: nkeyAuthenticator(new TextEncoder().encode(seed)) }),
  };
}

/** The certificate must be for a server that was configured. For one without a name, the client compares with `localhost`. */
function clientTls(tls: Exclude<NatsSettings['tls'], false>, servers: readonly ServerAddress[]): TlsOptions {
  const addresses = servers.map(({ host }) => host).filter((host) => isIP(host) !== 0);
  const hasLocalhost = servers.some(({ host }) => host === 'localhost');
  return {
    caFile: tls.caFile,
    ...(tls.certFile !== undefined && { certFile: tls.certFile }),
    ...(tls.keyFile !== undefined && { keyFile: tls.keyFile }),
    // The client passes on what its types do not list.
    ...{
      checkServerIdentity(host: string, certificate: PeerCertificate): Error | undefined {
        const isUnnamed = host === 'localhost' && addresses.length > 0;
        const names = isUnnamed ? [...addresses, ...(hasLocalhost ? [host] : [])] : [host];
        const errors = names.map((allowed) => checkServerIdentity(allowed, certificate));
        return errors.includes(undefined) ? undefined : errors[0];
      },
    },
  };
}

/** Processes with the same nkey have different inboxes. */
function inboxFor({ name, publicKey, inboxPrefix }: NatsSettings): string {
  return `${inboxPrefix ?? inboxOf(name, publicKey ?? 'open')}.${randomUUID()}`;
}
