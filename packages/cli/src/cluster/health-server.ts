import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ClusterConnection, RunningWorker } from './cluster-package.js';

export interface Health {
  readonly address: string;
  close(): void;
}

/**
 * So long after its start, a worker that holds nothing of a matrix is asked for it, if at all: coordinators wait for a worker that was away
 * before they make copies elsewhere, and one that was started anew gets its shards in about a second.
 */
const SETTLE_MS = 30_000;

/**
 * Answers whether a worker is alive and ready, for an orchestrator: `/live` while the process works, `/ready` while it is connected, does
 * not drain, and has loaded what it was asked to hold. `/ready?matrix=KEY` also needs a shard of this matrix, with `&generation=N` of this
 * generation, for half a minute after the start: without one by then, other workers hold enough copies, and a rollout goes on.
 */
export async function startHealthServer(
  { host, port }: { readonly host: string; readonly port: number },
  worker: Pick<RunningWorker, 'describe' | 'loading'>,
  connection: Pick<ClusterConnection, 'connected'>,
  nowMs: () => number = () => performance.now(),
): Promise<Health> {
  const settledAtMs = nowMs() + SETTLE_MS;
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://worker');
    if (pathname === '/live') answer(response, 200, 'alive');
    else if (pathname === '/ready') {
      const isSettled = nowMs() >= settledAtMs;
      const [matrix, generation] = [searchParams.get('matrix'), searchParams.get('generation')];
      const lacks = whatLacks(worker, connection, isSettled ? null : matrix, generation);
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
  worker: Pick<RunningWorker, 'describe' | 'loading'>,
  { connected }: Pick<ClusterConnection, 'connected'>,
  matrix: string | null,
  generation: string | null,
): string | undefined {
  if (!connected) return 'no connection to NATS';
  const { isDraining, shards } = worker.describe();
  if (isDraining) return 'about to leave';
  const { loading = 0 } = worker;
  if (loading > 0) return `${loading} ${loading === 1 ? 'shard is' : 'shards are'} being loaded`;
  const isHeld = shards.some(
    (shard) => shard.key === matrix && (generation === null || String(shard.generation) === generation),
  );
  if (matrix === null || isHeld) return undefined;
  return `no shard of ${matrix}${generation === null ? '' : ` in generation ${generation}`}`;
}

function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain' }).end(`${text}\n`);
}
