import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ClusterConnection, RunningWorker } from './cluster-package.js';

export interface Health {
  readonly address: string;
  close(): void;
}

/**
 * Answers whether a worker is alive and ready, for an orchestrator: `/live` while the process works, `/ready` while it is connected and
 * does not drain. `/ready?matrix=KEY` also needs a shard of this matrix, with `&generation=N` of this generation.
 */
export async function startHealthServer(
  { host, port }: { readonly host: string; readonly port: number },
  worker: Pick<RunningWorker, 'describe'>,
  connection: Pick<ClusterConnection, 'connected'>,
): Promise<Health> {
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://worker');
    if (pathname === '/live') answer(response, 200, 'alive');
    else if (pathname === '/ready') {
      const lacks = whatLacks(worker, connection, searchParams.get('matrix'), searchParams.get('generation'));
      answer(response, lacks === undefined ? 200 : 503, lacks ?? 'ready');
    } else answer(response, 404, 'expected /live or /ready');
  });
  server.listen(port, host);
  await once(server, 'listening');
  const { address, port: bound } = server.address() as AddressInfo;
  return {
    address: `${address}:${bound}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function whatLacks(
  worker: Pick<RunningWorker, 'describe'>,
  { connected }: Pick<ClusterConnection, 'connected'>,
  matrix: string | null,
  generation: string | null,
): string | undefined {
  if (!connected) return 'no connection to NATS';
  const { isDraining, shards } = worker.describe();
  if (isDraining) return 'about to leave';
  const isHeld = shards.some(
    (shard) => shard.key === matrix && (generation === null || String(shard.generation) === generation),
  );
  if (matrix === null || isHeld) return undefined;
  return `no shard of ${matrix}${generation === null ? '' : ` in generation ${generation}`}`;
}

function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain' }).end(`${text}\n`);
}
