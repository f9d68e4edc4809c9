import { writeFileSync } from 'node:fs';
import { InvalidArgumentError, type Command } from 'commander';
import { loadClusterPackage } from '../cluster/cluster-package.js';
import {
  addConnectionOptions,
  connectTo,
  parseName,
  readConnection,
  type ConnectionOptions,
} from '../cluster/connection-options.js';
import { describeCluster } from '../cluster/describe-cluster.js';
import { listWorkers } from '../cluster/list-workers.js';
import { formatClusterReport } from '../output/format-cluster.js';
import { jsonLine, oneLine } from '../output/one-line.js';
import type { Terminal } from '../terminal.js';
import { UserError } from '../user-error.js';
import { addLoadCommand, addPlaceCommand } from './cluster-place.js';

interface KeyOptions {
  readonly output: string;
  readonly json?: boolean | undefined;
}

interface PermissionOptions {
  readonly name: string;
  readonly coordinator: readonly string[];
  readonly worker: readonly { readonly name: string; readonly publicKey: string }[];
}

/** Adds `gearshift cluster`: what the workers hold, rows for them, and keys and permissions for the NATS servers. */
export function addClusterCommand(program: Command, terminal: Terminal): void {
  const cluster = program
    .command('cluster')
    .description('report the workers of a cluster, place rows on them, make keys and permissions for its NATS servers')
    .argument('[command]')
    .action((command?: string) => {
      const problem = command === undefined ? 'no command given' : `unknown command 'cluster ${command}'`;
      throw new UserError(`${problem}; see gearshift cluster --help`);
    });
  addStatus(cluster, terminal);
  addPlaceCommand(cluster, terminal);
  addLoadCommand(cluster, terminal);
  addKey(cluster, terminal);
  addPermissions(cluster, terminal);
}

function addStatus(cluster: Command, terminal: Terminal): void {
  addConnectionOptions(cluster.command('status'))
    .description('report the workers, what they hold, and what is missing')
    .allowExcessArguments(false)
    .option('--json', 'print one JSON object on standard output and nothing else')
    .addHelpText(
      'after',
      '\nIt listens for a little more than a second.\nExit codes: 0 success, 1 no connection, 2 bad input.',
    )
    .action(async (options: ConnectionOptions & { readonly json?: boolean }) => {
      const settings = readConnection(options);
      const connection = await connectTo(await loadClusterPackage('cluster status', 'connectNats'), settings);
      try {
        const report = describeCluster(options.name, await listWorkers(connection, options.name));
        terminal.writeOut(options.json === true ? jsonLine(report) : formatClusterReport(report));
      } finally {
        await connection.close();
      }
    });
}

function addKey(cluster: Command, terminal: Terminal): void {
  cluster
    .command('key')
    .description('make an nkey for one worker or coordinator: a secret in a new file, and its public key')
    .allowExcessArguments(false)
    .requiredOption('-o, --output <file>', 'file for the secret; it must not exist, and only its owner may read it')
    .option('--json', 'print one JSON object on standard output and nothing else')
    .action(async ({ output, json }: KeyOptions) => {
      const { createNkey } = await loadClusterPackage('cluster key', 'createNkey');
      const { publicKey, seed } = createNkey();
      try {
        writeFileSync(output, `${seed}\n`, { flag: 'wx', mode: 0o600 });
      } catch (error) {
        throw new UserError(`--output: ${output}: ${error instanceof Error ? error.message : String(error)}`);
      }
      terminal.writeOut(json === true ? jsonLine({ file: output, publicKey }) : `${oneLine(publicKey)}\n`);
    });
}

function addPermissions(cluster: Command, terminal: Terminal): void {
  cluster
    .command('permissions')
    .description('print the authorization block for the configuration of the NATS servers')
    .allowExcessArguments(false)
    .requiredOption('--name <cluster>', 'name of the Gearshift cluster: letters, digits, - and _', parseName)
    .option('--coordinator <key>', 'public key of a process that places and queries; can be repeated', append, [])
    .option('--worker <name=key>', 'name and public key of a worker; can be repeated', appendWorker, [])
    .action(async ({ name, coordinator, worker }: PermissionOptions) => {
      const { natsPermissions } = await loadClusterPackage('cluster permissions', 'natsPermissions');
      try {
        terminal.writeOut(natsPermissions({ name, coordinators: coordinator, workers: worker }));
      } catch (error) {
        throw new UserError(error instanceof Error ? error.message : String(error));
      }
    });
}

function append(text: string, before: readonly string[]): readonly string[] {
  return [...before, text];
}

function appendWorker(text: string, before: PermissionOptions['worker']): PermissionOptions['worker'] {
  const [, name, publicKey] = /^([^=]+)=([^=]+)$/.exec(text) ?? [];
  if (name === undefined || publicKey === undefined) throw new InvalidArgumentError('expected NAME=PUBLIC-KEY');
  return [...before, { name, publicKey }];
}
