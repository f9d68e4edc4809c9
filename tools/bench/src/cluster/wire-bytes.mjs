import { unwrap } from '@gearshift/contracts';
import { startCountingProxy } from './counting-proxy.mjs';
import { quantile } from './latencies.mjs';
import { openCluster } from './open-cluster.mjs';
import { requestOf } from './top-k-requests.mjs';

/** Announcements of workers come in between some of the queries. */
const QUERIES = 41;

/**
 * Bytes on the connection of the coordinator for one query, everything included that NATS adds: the median over some queries.
 *
 * @returns {Promise<{ shards: number, outBytes: number, inBytes: number }[]>}
 */
export async function measureWireBytes({ counts }) {
  const cluster = await openCluster();
  const proxy = await startCountingProxy(cluster.server.port);
  try {
    const { matrix, request, output } = requestOf(32 * Math.max(...counts));
    const measured = [];
    for (const shards of counts) {
      const backend = await cluster.coordinate({
        servers: proxy.url,
        shards,
        hedgeFloorMs: 10_000,
        hedgeStartMs: 10_000,
      });
      unwrap(await backend.makeResident(matrix));
      const queries = [];
      for (let i = 0; i < QUERIES; i++) {
        const before = { ...proxy.counts };
        unwrap(await backend.topK(request, output));
        queries.push({
          outBytes: proxy.counts.outBytes - before.outBytes,
          inBytes: proxy.counts.inBytes - before.inBytes,
        });
      }
      const median = (field) =>
        quantile(
          queries.map((query) => query[field]),
          0.5,
        );
      measured.push({ shards, outBytes: median('outBytes'), inBytes: median('inBytes') });
    }
    return measured;
  } finally {
    await cluster.close();
    await proxy.close();
  }
}
