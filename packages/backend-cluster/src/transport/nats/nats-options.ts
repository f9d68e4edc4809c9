import { accessSync, constants, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { expected, optionNames, readOptions, requireObject } from '@gearshift/contracts/internal';
import { nkeys } from '@nats-io/transport-node';
import { requireToken } from '../../subjects.js';

export interface NatsTls {
  /** Certificates of the authorities that sign the server's certificate, in PEM. */
  readonly caFile: string;
  /** A certificate of this process, for servers with `verify: true`. Needs `keyFile`. */
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

/** The secret of an nkey (it begins with `SU`), or a file that contains it. */
export type NatsCredentials = { readonly nkeySeed: string } | { readonly nkeyFile: string };

export interface NatsOptions {
  /** `host`, `host:port` or `nats://host:port`, each server of the NATS cluster; the default port is 4222. */
  readonly servers: string | readonly string[];
  /** The name of the Gearshift cluster. */
  readonly name: string;
  readonly credentials?: NatsCredentials | undefined;
  /** `false`, plain text, is for servers on this machine only. */
  readonly tls: NatsTls | false;
  /** Where answers arrive; by default a subject that only the party with this nkey may read: see {@link inboxOf}. */
  readonly inboxPrefix?: string | undefined;
}

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

/** Checked options. The seed is in here and in no message. */
export interface NatsSettings {
  readonly servers: readonly ServerAddress[];
  readonly name: string;
  readonly seed: string | undefined;
  readonly publicKey: string | undefined;
  readonly tls: NatsTls | false;
  readonly inboxPrefix: string | undefined;
}

const OPTIONS = optionNames<NatsOptions>({
  servers: true,
  name: true,
  credentials: true,
  tls: true,
  inboxPrefix: true,
});
const TLS_OPTIONS = optionNames<NatsTls>({ caFile: true, certFile: true, keyFile: true });
const CREDENTIAL_OPTIONS = optionNames<{ nkeySeed: string; nkeyFile: string }>({ nkeySeed: true, nkeyFile: true });
const DEFAULT_PORT = 4222;
const SUBJECT = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;
/** Also in a file as `nsc` writes it, between two lines of dashes. */
const SEED = /(?:^|\s)(SU[A-Z2-7]{56})(?=\s|$)/;

/** @throws TypeError or RangeError that names the option; never with the seed in the message */
export function readNatsOptions(given: NatsOptions): NatsSettings {
  const options = readOptions<NatsOptions>('options', requireObject('options', given) as NatsOptions, OPTIONS);
  const servers = readServers(options.servers);
  const key = readCredentials(options.credentials);
  return {
    servers,
    name: requireToken('name', options.name),
    seed: key?.seed,
    publicKey: key?.publicKey,
    tls: readTls(options.tls, servers),
    inboxPrefix: readInboxPrefix(options.inboxPrefix),
  };
}

function readServers(given: unknown): readonly ServerAddress[] {
  const list: readonly unknown[] = Array.isArray(given) ? given : [given];
  if (list.length === 0) throw new RangeError(expected('servers', 'at least one server', given));
  return list.map((server, index) => readServer(Array.isArray(given) ? `servers[${index}]` : 'servers', server));
}

function readServer(argument: string, given: unknown): ServerAddress {
  const wanted = "'host', 'host:port' or 'nats://host:port'";
  if (typeof given !== 'string') throw new TypeError(expected(argument, wanted, given));
  const text = given.includes('://') ? given : `nats://${given}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // Not in the message: it may be a password.
  if (url !== undefined && (url.username !== '' || url.password !== '')) {
    throw new RangeError(`${argument}: expected no user or password in the address; use credentials with an nkey`);
  }
  const isKnown = url?.protocol === 'nats:' || url?.protocol === 'tls:';
  const isPlain = url !== undefined && /^\/?$/.test(url.pathname) && url.search === '' && url.hash === '';
  const host = url?.hostname.replace(/^\[(.*)\]$/, '$1') ?? '';
  if (!isKnown || !isPlain || !(isIP(host) !== 0 || /^[A-Za-z0-9._-]+$/.test(host))) {
    throw new RangeError(expected(argument, wanted, given));
  }
  return { host, port: url.port === '' ? DEFAULT_PORT : Number(url.port) };
}

function readTls(given: unknown, servers: readonly ServerAddress[]): NatsTls | false {
  if (given === undefined || given === null) {
    throw new TypeError(
      expected(
        'tls',
        '{ caFile } with the certificates of your authority, or false for servers on this machine',
        given,
      ),
    );
  }
  if (given === false) {
    const far = servers.find(({ host }) => !isLoopback(host));
    if (far === undefined) return false;
    throw new RangeError(`tls: expected { caFile } for ${far.host}, got false; plain text is for this machine only`);
  }
  if (typeof given !== 'object') throw new TypeError(expected('tls', '{ caFile } or false', given));
  const tls = readOptions<NatsTls>('tls', given as NatsTls, TLS_OPTIONS);
  requireFile('tls.caFile', tls.caFile);
  if (tls.certFile !== undefined) requireFile('tls.certFile', tls.certFile);
  if (tls.keyFile !== undefined) requireFile('tls.keyFile', tls.keyFile);
  if ((tls.certFile === undefined) !== (tls.keyFile === undefined)) {
    throw new TypeError('tls: expected certFile and keyFile together, got one of them');
  }
  return tls;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function readCredentials(given: unknown): { seed: string; publicKey: string } | undefined {
  if (given === undefined) return undefined;
  const credentials = readOptions<{ nkeySeed?: unknown; nkeyFile?: unknown }>(
    'credentials',
    requireObject('credentials', given),
    CREDENTIAL_OPTIONS,
  );
  const { nkeySeed, nkeyFile } = credentials;
  if ((nkeySeed === undefined) === (nkeyFile === undefined)) {
    throw new TypeError('credentials: expected either nkeySeed or nkeyFile');
  }
  if (nkeyFile === undefined) return requireSeed('credentials.nkeySeed', 'the seed', nkeySeed);
  const path = requireFile('credentials.nkeyFile', nkeyFile);
  return requireSeed('credentials.nkeyFile', `in ${path} the seed`, readFileSync(path, 'utf8'));
}

function requireSeed(argument: string, wanted: string, text: unknown): { seed: string; publicKey: string } {
  const seed = typeof text === 'string' ? SEED.exec(text)?.[1] : undefined;
  const publicKey = seed === undefined ? undefined : publicKeyOf(seed);
  if (seed !== undefined && publicKey !== undefined) return { seed, publicKey };
  throw new TypeError(`${argument}: expected ${wanted} of a user's nkey, 58 letters and digits that begin with SU`);
}

/** Undefined for a seed with a wrong checksum. */
function publicKeyOf(seed: string): string | undefined {
  try {
    return nkeys.fromSeed(new TextEncoder().encode(seed)).getPublicKey();
  } catch {
    return undefined;
  }
}

function requireFile(argument: string, path: unknown): string {
  if (typeof path !== 'string' || path === '') throw new TypeError(expected(argument, 'the path of a file', path));
  try {
    accessSync(path, constants.R_OK);
  } catch (error) {
    throw new RangeError(`${argument}: expected a file that can be read, got ${path}`, { cause: error });
  }
  return path;
}

function readInboxPrefix(given: unknown): string | undefined {
  if (given === undefined) return undefined;
  if (typeof given === 'string' && SUBJECT.test(given)) return given;
  throw new TypeError(expected('inboxPrefix', 'words of letters, digits, - or _ with dots between them', given));
}

/** The subject below which the answers for one party arrive, so that permissions follow from its public key. */
export function inboxOf(name: string, publicKey: string): string {
  return `gearshift.${name}.inbox.${publicKey}`;
}
