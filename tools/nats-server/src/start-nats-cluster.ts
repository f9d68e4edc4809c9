import {
  readServerInfo,
  startNatsServer,
  waitFor,
  type NatsServer,
  type NatsServerOptions,
} from './start-nats-server.js';

export interface NatsCluster extends AsyncDisposable {
  readonly servers: readonly NatsServer[];
  readonly urls: readonly string[];
}

const SERVERS = 3;

/** Starts three servers that know each other, and waits until each one names all three to its clients. */
export async function startNatsCluster(options: Pick<NatsServerOptions, 'config' | 'tls'> = {}): Promise<NatsCluster> {
  const servers: NatsServer[] = [];
  const end = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
  };
  try {
    for (let index = 0; index < SERVERS; index++) {
      const first = servers[0]?.routePort;
      servers.push(
        await startNatsServer({ ...options, name: `n${index + 1}`, routes: first === undefined ? [] : [first] }),
      );
    }
    for (const server of servers) await waitForOthers(server);
    return { servers, urls: servers.map(({ url }) => url), [Symbol.asyncDispose]: end };
  } catch (error) {
    await end();
    throw error;
  }
}

async function waitForOthers(server: NatsServer): Promise<void> {
  await waitFor(server, async () => {
    const { connect_urls: urls = [] } = await readServerInfo(server.port);
    return urls.length === SERVERS ? true : undefined;
  });
}
