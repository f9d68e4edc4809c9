import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ServerProcess } from './server-process.js';
import type { TlsFiles } from './tls-files.js';

export interface NatsServerOptions {
  /** Further lines of its configuration, such as `authorization { ... }`. */
  readonly config?: string;
  /** Requires TLS of every client. */
  readonly tls?: TlsFiles;
  /** The ports of cluster connections of other servers; `[]` for the first one. */
  readonly routes?: readonly number[];
  /** The client port; a free one by default. */
  readonly port?: number;
  readonly name?: string;
}

/** A server on 127.0.0.1. */
export interface NatsServer extends AsyncDisposable {
  readonly port: number;
  /** The port for other servers of a cluster; undefined without `routes`. */
  readonly routePort: number | undefined;
  /** `nats://localhost:PORT`: by name, as certificates need it. */
  readonly url: string;
  readonly pid: number;
  readonly isRunning: boolean;
  /** The end of the log of the current process. */
  readonly log: string;
  /** Ends it with SIGTERM. `restart` starts it again. */
  stop(): Promise<void>;
  /** Ends it with SIGKILL. */
  kill(): Promise<void>;
  /** Stops the process without ending it: connections stay open, and nothing is answered. */
  suspend(): void;
  resume(): void;
  /** Begins to move clients to other servers, and ends in the end. */
  lameDuck(): void;
  /** Ends the process if it runs, and starts one on the same ports, with another configuration if one is given. */
  restart(config?: string): Promise<void>;
}

const READY_MS = 40_000;
const HOST = '127.0.0.1';

/** Starts a server and waits until it takes connections. Ports are chosen by the system, so that parallel tests do not meet. */
export async function startNatsServer(options: NatsServerOptions = {}): Promise<NatsServer> {
  const folder = await mkdtemp(join(tmpdir(), 'gearshift-nats-'));
  const file = join(folder, 'nats.conf');
  let config = options.config ?? '';
  let port = options.port ?? -1;
  let routePort = options.routes === undefined ? undefined : -1;
  const start = async (): Promise<ServerProcess> => {
    await writeFile(file, describeServer({ ...options, config, port, routePort, folder }));
    const started = new ServerProcess(file);
    try {
      ({ port, routePort } = await waitForPorts(started, folder));
      await waitForInfo(started, port);
      return started;
    } catch (error) {
      await started.end('SIGKILL');
      throw error;
    }
  };
  let current = await start().catch(async (error: unknown) => {
    await rm(folder, { recursive: true, force: true });
    throw error;
  });
  return {
    get port() {
      return port;
    },
    get routePort() {
      return routePort;
    },
    get url() {
      return `nats://localhost:${port}`;
    },
    get pid() {
      return current.pid;
    },
    get isRunning() {
      return current.isRunning;
    },
    get log() {
      return current.log;
    },
    stop: () => current.end('SIGTERM'),
    kill: () => current.end('SIGKILL'),
    suspend: () => current.suspend(),
    resume: () => current.signal('SIGCONT'),
    lameDuck: () => current.signal('SIGUSR2'),
    async restart(changed) {
      await current.end('SIGKILL');
      config = changed ?? config;
      current = await start();
    },
    async [Symbol.asyncDispose]() {
      await current.end('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

interface Described extends NatsServerOptions {
  readonly config: string;
  readonly folder: string;
  readonly port: number;
  readonly routePort: number | undefined;
}

function describeServer({ config, tls, routes, port, routePort, name, folder }: Described): string {
  const lines = [`listen: "${HOST}:${port}"`, `ports_file_dir: "${folder}"`, 'lame_duck_duration: "30s"'];
  if (name !== undefined) lines.push(`server_name: ${name}`);
  if (tls !== undefined) {
    lines.push(`tls { cert_file: "${tls.certFile}", key_file: "${tls.keyFile}", ca_file: "${tls.caFile}" }`);
  }
  if (routes !== undefined) {
    const urls = routes.map((route) => `nats-route://${HOST}:${route}`);
    lines.push(`cluster { name: test, listen: "${HOST}:${routePort ?? -1}", routes: ${JSON.stringify(urls)} }`);
  }
  return [...lines, config, ''].join('\n');
}

/** The server writes its ports to a file when all of them are open. */
async function waitForPorts(server: ServerProcess, folder: string): Promise<{ port: number; routePort?: number }> {
  const file = join(folder, `nats-server_${server.pid}.ports`);
  return waitFor(server, async () => {
    const { nats, cluster } = JSON.parse(await readFile(file, 'utf8')) as { nats?: string[]; cluster?: string[] };
    const port = portOf(nats);
    const routePort = portOf(cluster);
    if (port === undefined) return undefined;
    return routePort === undefined ? { port } : { port, routePort };
  });
}

function portOf(urls: readonly string[] | undefined): number | undefined {
  const port = urls?.[0]?.split(':').at(-1);
  return port === undefined ? undefined : Number(port);
}

async function waitForInfo(server: ServerProcess, port: number): Promise<void> {
  await waitFor(server, () => readServerInfo(port));
}

/** What a server tells each client first. */
export function readServerInfo(port: number): Promise<{ readonly connect_urls?: readonly string[] }> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = createConnection(port, HOST).setEncoding('utf8');
    socket.setTimeout(1000, () => socket.destroy(new Error('no INFO')));
    socket.on('error', reject);
    socket.on('data', (more: string) => {
      text += more;
      if (!text.includes('\r\n')) return;
      socket.destroy();
      resolve(JSON.parse(text.slice('INFO '.length, text.indexOf('\r\n'))) as object);
    });
  });
}

/** Tries until there is an answer. */
export async function waitFor<Answer>(
  server: { readonly isRunning: boolean; readonly log: string },
  read: () => Promise<Answer | undefined>,
): Promise<Answer> {
  const endsAtMs = performance.now() + READY_MS;
  for (;;) {
    const answer = await read().catch(() => undefined);
    if (answer !== undefined) return answer;
    if (!server.isRunning) throw new Error(`nats-server ended:\n${server.log}`);
    if (performance.now() > endsAtMs) throw new Error(`nats-server is not ready after ${READY_MS} ms:\n${server.log}`);
    await sleep(10);
  }
}
