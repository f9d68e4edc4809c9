import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { setTimeout as sleep } from 'node:timers/promises';
import { CLUSTER_CHANNELS } from '@gearshift/backend-cluster';
import { unwrap } from '@gearshift/contracts';
import { startProxy } from '@gearshift/nats-server';
import { quantile } from './latencies.mjs';
import { openCluster, WORKERS } from './open-cluster.mjs';
import { requestOf } from './top-k-requests.mjs';

const ROWS = 4000;
const CLIENTS = 2;
/** Programs have warmed up by then. */
const BEFORE_MS = 1000;
const VICTIM = WORKERS[0];

/**
 * Queries of two clients to 4 shards, each on two workers, while something happens to one worker.
 *
 * @typedef {{ what: string, queries: number, errors: number, beforeP50Ms: number, beforeWorstMs: number, p50Ms: number, p99Ms: number,
 *   worstMs: number, hedges: number, hedgeMs: number, hitMs: number[] }} Failover `before`: in the last second before it; `hedgeMs`: the
 *   longest time after which a shard was asked again; `hitMs`: what each query that was under way then took from the time when another
 *   worker was asked, if one had to be
 * @param {{ kills: number, calmMs: number, troubleMs: number, partitionMs: number }} options
 * @returns {Promise<Failover[]>}
 */
export async function measureFailover({ kills, calmMs, troubleMs, partitionMs }) {
  const rows = [];
  const killed = [];
  for (let i = 0; i < kills; i++) {
    killed.push(
      await underLoad({ calmMs, troubleMs }, async ({ victim }) => {
        victim.kill('SIGKILL');
      }),
    );
  }
  rows.push({ what: `kill -9, ${kills} times`, ...worstOf(killed) });
  rows.push({
    what: 'SIGSTOP',
    ...(await underLoad({ calmMs, troubleMs: partitionMs }, async ({ victim }) => {
      victim.kill('SIGSTOP');
    })),
  });
  rows.push({
    what: `a partition of ${partitionMs / 1000} s`,
    ...(await underLoad({ calmMs, troubleMs: partitionMs }, async ({ proxy }) => {
      proxy.set({ swallows: 'everything' });
    })),
  });
  return rows;
}

/** The queries that began while the trouble lasted, and what the hedges among them did. */
async function underLoad({ calmMs, troubleMs }, trouble) {
  let proxy;
  const cluster = await openCluster({
    // The one worker has its own way to the server, which is made before it starts.
    wayOf: async (worker, server) => {
      if (worker !== VICTIM) return server.url;
      proxy = await startProxy(server.port);
      return proxy.url;
    },
  });
  const hedges = [];
  const asking = new AsyncLocalStorage();
  const queries = new Map();
  const onTrace = (event) => {
    event.traceId = String(queries.size).padStart(32, '0');
    queries.set(event.traceId, asking.getStore());
  };
  const onHedge = ({ afterMs, traceId }) => {
    hedges.push(afterMs);
    queries.get(traceId).hedgeMs = afterMs;
  };
  try {
    const { matrix, request, createOutput } = requestOf(ROWS);
    const backend = await cluster.coordinate({ timeoutMs: 10_000 });
    unwrap(await backend.makeResident(matrix));
    const asked = [];
    let isOver = false;
    const clients = Array.from({ length: CLIENTS }, async () => {
      const output = createOutput();
      while (!isOver) {
        const query = { startedAtMs: performance.now(), tookMs: NaN, ok: false, hedgeMs: undefined };
        const { ok } = await asking.run(query, () => backend.topK(request, output));
        query.tookMs = performance.now() - query.startedAtMs;
        query.ok = ok;
        asked.push(query);
      }
    });
    subscribe(CLUSTER_CHANNELS.trace, onTrace);
    await sleep(calmMs);
    subscribe(CLUSTER_CHANNELS.hedge, onHedge);
    const [victim] = cluster.workers;
    const beganAtMs = performance.now();
    await trouble({ victim, proxy });
    await sleep(troubleMs);
    isOver = true;
    await Promise.all(clients);
    // Those under way when it began are the ones that it hits.
    const before = asked.filter(
      ({ startedAtMs, tookMs }) => startedAtMs > beganAtMs - BEFORE_MS && startedAtMs + tookMs < beganAtMs,
    );
    const beforeMs = before.map(({ tookMs }) => tookMs);
    const during = asked.filter(({ startedAtMs, tookMs }) => startedAtMs + tookMs >= beganAtMs);
    const ms = during.map(({ tookMs }) => tookMs);
    const hit = during.filter(({ startedAtMs, hedgeMs }) => startedAtMs < beganAtMs && hedgeMs !== undefined);
    return {
      queries: during.length,
      errors: asked.filter(({ ok }) => !ok).length,
      beforeP50Ms: quantile(beforeMs, 0.5),
      beforeWorstMs: Math.max(...beforeMs),
      p50Ms: quantile(ms, 0.5),
      p99Ms: quantile(ms, 0.99),
      worstMs: Math.max(...ms),
      hedges: hedges.length,
      hedgeMs: Math.max(0, ...hedges),
      hitMs: hit.map(({ tookMs, hedgeMs }) => tookMs - hedgeMs),
    };
  } finally {
    unsubscribe(CLUSTER_CHANNELS.trace, onTrace);
    unsubscribe(CLUSTER_CHANNELS.hedge, onHedge);
    await cluster.close();
    await proxy?.[Symbol.asyncDispose]();
  }
}

/** Of several times the same: sums of counts, the median of the usual, the worst of the worst. */
function worstOf(times) {
  const sum = (field) => times.reduce((total, time) => total + time[field], 0);
  const median = (field) =>
    quantile(
      times.map((time) => time[field]),
      0.5,
    );
  const worst = times.reduce((slowest, time) =>
    time.worstMs - time.hedgeMs > slowest.worstMs - slowest.hedgeMs ? time : slowest,
  );
  return {
    queries: sum('queries'),
    errors: sum('errors'),
    beforeP50Ms: median('beforeP50Ms'),
    beforeWorstMs: Math.max(...times.map(({ beforeWorstMs }) => beforeWorstMs)),
    p50Ms: median('p50Ms'),
    p99Ms: Math.max(...times.map(({ p99Ms }) => p99Ms)),
    worstMs: worst.worstMs,
    hedges: sum('hedges'),
    hedgeMs: worst.hedgeMs,
    hitMs: times.flatMap(({ hitMs }) => hitMs),
  };
}
