import { createClusterBackend } from '@gearshift/backend-cluster';
import { unwrap } from '@gearshift/contracts';
import { startNatsServer } from '@gearshift/nats-server';
import { openBareMessages } from './bare-messages.mjs';
import { startWorkers } from './start-workers.mjs';

const NAME = 'bench';
export const WORKERS = ['w1', 'w2', 'w3', 'w4'];

/**
 * A NATS server, four workers and, in the same processes, echoes: for each of `echoes` a subject of so many queue groups.
 *
 * @param {{ echoes?: readonly number[], answerBytes?: number, dataRoot?: string,
 *   wayOf?: (worker: string, server: { url: string, port: number }) => Promise<string> }} [options] `wayOf` gives the address that a worker
 *   connects to, by default that of the server
 */
export async function openCluster({ echoes = [], answerBytes = 0, dataRoot, wayOf } = {}) {
  const server = await startNatsServer();
  const { url } = server;
  const ends = [() => server[Symbol.asyncDispose]()];
  const close = async () => {
    for (const end of ends.splice(0).reverse()) await end();
  };
  try {
    const ways = new Map();
    for (const worker of WORKERS) ways.set(worker, (await wayOf?.(worker, server)) ?? url);
    const workers = await startWorkers(WORKERS, (worker) => ({
      servers: ways.get(worker),
      name: NAME,
      dataRoot,
      echoes: echoesOf(worker, echoes),
      answerBytes,
    }));
    for (const { end } of workers) ends.push(end);
    const bare = await openBareMessages(url);
    ends.push(bare.close);
    return {
      server,
      workers,
      bare,
      /** A coordinator that knows all workers. */
      async coordinate(options = {}) {
        const settings = { servers: url, tls: false, name: NAME, leastWorkers: WORKERS.length, discoverMs: 5000 };
        const backend = unwrap(await createClusterBackend({ ...settings, ...options }));
        ends.push(() => backend.close());
        return backend;
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Each process has its share of the queue groups. */
function echoesOf(worker, counts) {
  const place = WORKERS.indexOf(worker);
  return counts.flatMap((count) =>
    Array.from({ length: count }, (_, shard) => shard)
      .filter((shard) => shard % WORKERS.length === place)
      .map((shard) => ({ subject: bareSubject(count), queue: `shard-${shard}` })),
  );
}

/** Reaches so many queue groups. */
export function bareSubject(count) {
  return `bare.${count}`;
}
