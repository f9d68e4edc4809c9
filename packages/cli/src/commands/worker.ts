import { hostname } from 'node:os';
import { InvalidArgumentError, type Command } from 'commander';
import { loadClusterPackage } from '../cluster/cluster-package.js';
import {
  addConnectionOptions,
  connectTo,
  parseCount,
  parseName,
  readConnection,
  type ConnectionOptions,
} from '../cluster/connection-options.js';
import { startHealthServer } from '../cluster/health-server.js';
import { jsonLine } from '../output/one-line.js';
import type { Terminal } from '../terminal.js';
import { UserError } from '../user-error.js';

interface WorkerOptions extends ConnectionOptions {
  readonly worker?: string | undefined;
  readonly dataRoot?: string | undefined;
  readonly maxBytes?: number | undefined;
  readonly threads?: number | undefined;
  readonly health?: { readonly host: string; readonly port: number } | undefined;
  readonly json?: boolean | undefined;
}

const UNITS: Record<string, number> = { '': 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };

/** Adds `gearshift worker`: holds a part of the rows of a cluster, until a signal ends it. */
export function addWorkerCommand(program: Command, terminal: Terminal): void {
  addConnectionOptions(program.command('worker'))
    .description('hold a part of the rows of a cluster and answer queries, until a signal ends it')
    .allowExcessArguments(false)
    .option('--worker <name>', 'name of this worker; default: the name of the machine', parseName)
    .option('--data-root <folder>', 'folder below which files may be loaded; default: none, rows are sent to it')
    .option('--max-bytes <bytes>', 'memory for rows, such as 64GiB; default: half of what is free', parseBytes)
    .option('--threads <count>', 'threads for one query; default: all', parseCount)
    .option('--health <address>', 'answer /live and /ready over HTTP, such as on 0.0.0.0:8080', parseAddress)
    .option('--json', 'print one JSON object for each event')
    .addHelpText(
      'after',
      `
Example:
  gearshift worker --servers n1.internal,n2.internal --name corpus --nkey-file worker.nk --ca ca.crt --data-root /srv/rows

SIGTERM and Ctrl-C let it bring its shards to other workers, answer the queries under way and leave; a second signal ends it at once.
Exit codes: 0 ended by a signal, 1 no connection or internal failure, 2 bad input.`,
    )
    .action(async (options: WorkerOptions) => runWorker(options, terminal));
}

async function runWorker(options: WorkerOptions, terminal: Terminal): Promise<void> {
  const { name, dataRoot, maxBytes, threads, json } = options;
  const worker = options.worker ?? defaultName();
  const connection = readConnection(options);
  const cluster = await loadClusterPackage('worker', 'connectNats', 'createClusterWorker');
  const report = (event: string, text: string, more: object = {}): void =>
    terminal.writeOut(json === true ? jsonLine({ event, cluster: name, worker, ...more }) : `${text}\n`);

  // From now on, so that a signal during the start ends it in order.
  const stopped = new Promise<void>((resolve) => terminal.onStop?.(resolve));
  const transport = await connectTo(cluster, connection);
  try {
    transport.onConnection((connected) =>
      connected
        ? report('connected', 'connected to NATS again')
        : report('disconnected', 'the connection to NATS is lost; trying to connect'),
    );
    const running = await cluster.createClusterWorker({ transport, name, worker, dataRoot, maxBytes, threads });
    const health = options.health && (await startHealthServer(options.health, running, transport));
    const address = health === undefined ? {} : { health: health.address };
    report('ready', `worker ${worker} of cluster ${name} is ready`, address);
    await stopped;
    report('draining', 'bringing shards to other workers and answering the queries under way ...');
    await running.drain();
    health?.close();
    report('ended', 'ended');
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) throw new UserError(error.message);
    throw error;
  } finally {
    await transport.close();
  }
}

/** Names of machines have dots, which names of workers cannot have. */
function defaultName(): string {
  return hostname()
    .replace(/[^A-Za-z0-9_-]/g, '-')
    .slice(0, 64);
}

function parseBytes(text: string): number {
  const [, digits, unit] = /^(\d+)\s*([KMGT]iB)?$/.exec(text) ?? [];
  const bytes = Number(digits) * (UNITS[unit ?? ''] ?? Number.NaN);
  if (!Number.isSafeInteger(bytes) || bytes < 1)
    throw new InvalidArgumentError('expected bytes, such as 500MiB or 64GiB');
  return bytes;
}

function parseAddress(text: string): { host: string; port: number } {
  const [, host, digits] = /^(?:(.+):)?(\d+)$/.exec(text) ?? [];
  const port = Number(digits);
  if (!Number.isInteger(port) || port > 65_535) throw new InvalidArgumentError('expected a port, or host:port');
  return { host: host?.replace(/^\[(.*)\]$/, '$1') ?? '127.0.0.1', port };
}
