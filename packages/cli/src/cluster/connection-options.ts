import { InvalidArgumentError, type Command } from 'commander';
import { UserError } from '../user-error.js';
import type { ClusterConnection, ClusterPackage, ConnectionSettings } from './cluster-package.js';

export interface ConnectionOptions {
  readonly servers: readonly string[];
  readonly name: string;
  readonly nkeyFile?: string | undefined;
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly plainText?: boolean | undefined;
}

const NAME = /^[A-Za-z0-9_-]{1,64}$/;

/** Adds the options of commands that connect to a NATS server. */
export function addConnectionOptions(command: Command): Command {
  return command
    .requiredOption('--servers <addresses>', 'NATS servers, such as n1.internal:4222,n2.internal:4222', parseServers)
    .requiredOption('--name <cluster>', 'name of the Gearshift cluster: letters, digits, - and _', parseName)
    .option('--nkey-file <file>', 'file with the nkey of this process, as `gearshift cluster key` writes it')
    .option('--ca <file>', 'certificates of the authority that signed those of the servers, in PEM')
    .option('--cert <file>', 'certificate of this process, for servers that verify it')
    .option('--key <file>', 'key of that certificate')
    .option('--plain-text', 'without TLS, for servers on this machine only');
}

/** @throws UserError for a file or an address that is wrong */
export async function connectTo(
  { connectNats }: Pick<ClusterPackage, 'connectNats'>,
  settings: ConnectionSettings,
): Promise<ClusterConnection> {
  try {
    return await connectNats(settings);
  } catch (error) {
    // A mistake in an option. Another error is one of the network.
    if (error instanceof TypeError || error instanceof RangeError) throw new UserError(error.message);
    throw error;
  }
}

/**
 * Reads what {@link addConnectionOptions} added, before anything is loaded.
 *
 * @throws UserError for options that do not go together
 */
export function readConnection({
  servers,
  name,
  nkeyFile,
  ca,
  cert,
  key,
  plainText,
}: ConnectionOptions): ConnectionSettings {
  const hasTls = ca !== undefined || cert !== undefined || key !== undefined;
  if (plainText === true && hasTls) throw new UserError('--plain-text: expected no --ca, --cert and --key beside it');
  if (plainText !== true && ca === undefined) {
    throw new UserError('--ca: expected the certificates of your authority; --plain-text is for this machine only');
  }
  if ((cert === undefined) !== (key === undefined)) throw new UserError('--cert and --key: expected both, got one');
  const own = cert !== undefined && key !== undefined ? { certFile: cert, keyFile: key } : {};
  return {
    servers,
    name,
    tls: plainText === true || ca === undefined ? false : { caFile: ca, ...own },
    ...(nkeyFile !== undefined && { credentials: { nkeyFile } }),
  };
}

export function parseName(text: string): string {
  if (!NAME.test(text)) throw new InvalidArgumentError('expected 1 to 64 letters, digits, - or _');
  return text;
}

function parseServers(text: string): readonly string[] {
  const servers = text.split(',').map((server) => server.trim());
  if (servers.includes('')) throw new InvalidArgumentError('expected addresses with commas between them');
  return servers;
}

export function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 1) throw new InvalidArgumentError('expected a whole number from 1');
  return count;
}
