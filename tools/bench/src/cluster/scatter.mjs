import { createCpuBackend } from '@gearshift/backend-cpu';
import { unwrap } from '@gearshift/contracts';
import { quantile, ratioOfRounds, timeInTurns } from './latencies.mjs';
import { bareSubject, openCluster } from './open-cluster.mjs';
import { cpuUsOf } from './start-workers.mjs';
import { ANSWER_BYTES, QUERY_BYTES, requestOf } from './top-k-requests.mjs';

/** Queries to fewer shards must not be rarer than the slowest percentages of interest. */
const QUERIES = { 1: 120, 2: 120, 4: 120, 16: 60, 64: 40, 256: 20 };

/**
 * What a query costs over that of one CPU, by the number of shards, each of them 32 rows: next to nothing to compute. More shards than four
 * are several on each worker. The same messages without Gearshift take turns with them.
 *
 * @returns {Promise<{ shards: number, cluster: import('./latencies.mjs').Timed, bare: import('./latencies.mjs').Timed }[]>}
 */
export async function measureScatter({ counts, rounds, warmUpMs, perTurn = (count) => QUERIES[count] }) {
  const cluster = await openCluster({ echoes: counts, answerBytes: ANSWER_BYTES });
  try {
    const contestants = [];
    const question = new Uint8Array(QUERY_BYTES);
    for (const count of counts) {
      const { matrix, request, output } = requestOf(ROWS_OF_SHARD * count);
      const backend = await cluster.coordinate({ shards: count, ...ONE_COPY });
      unwrap(await backend.makeResident(matrix));
      const ask = async () => unwrap(await backend.topK(request, output)).kernelMs;
      const askBare = () => cluster.bare.ask(bareSubject(count), question, count).then(() => 0);
      contestants.push({ name: `cluster ${count}`, run: ask, perTurn: perTurn(count) });
      contestants.push({ name: `bare ${count}`, run: askBare, perTurn: perTurn(count) });
    }
    const others = {
      workers: () => cluster.workers.reduce((sum, { pid }) => sum + cpuUsOf(pid), 0),
      server: () => cpuUsOf(cluster.server.pid),
    };
    const timed = await timeInTurns(contestants, { rounds, warmUpMs, others });
    return counts.map((shards) => {
      return { shards, cluster: timed.get(`cluster ${shards}`), bare: timed.get(`bare ${shards}`) };
    });
  } finally {
    await cluster.close();
  }
}

const ROWS_OF_SHARD = 32;

/** So that every worker answers for its own shards, and no shard is asked twice: there is no other worker to ask. */
const ONE_COPY = { replicas: 1, hedgeFloorMs: 10_000, hedgeStartMs: 10_000 };

/** A top-k over many rows: on one CPU with one thread, and on 1, 2 and 4 workers with one thread each. */
export async function measureLargeScan({ rows, rounds, warmUpMs, perTurn }) {
  const cluster = await openCluster();
  const local = unwrap(await createCpuBackend({ threads: 1 }));
  try {
    const { matrix, request, output } = requestOf(rows);
    const contestants = [{ name: 'local', run: () => ask(local), perTurn }];
    const ask = async (backend) => unwrap(await backend.topK(request, output)).kernelMs;
    for (const { name, options } of CLUSTERS) {
      const backend = await cluster.coordinate(options);
      unwrap(await backend.makeResident(matrix));
      contestants.push({ name, run: () => ask(backend), perTurn });
    }
    const timed = await timeInTurns(contestants, { rounds, warmUpMs });
    const one = timed.get('local');
    return [...timed].map(([name, times]) => ({
      name,
      p50Ms: quantile(times.totalMs, 0.5),
      p95Ms: quantile(times.totalMs, 0.95),
      addedP50Ms: quantile(times.addedMs, 0.5),
      times: ratioOfRounds(times.roundsP50, one.roundsP50),
    }));
  } finally {
    await local.close();
    await cluster.close();
  }
}

const CLUSTERS = [
  { name: '1 shard', options: { shards: 1, ...ONE_COPY } },
  { name: '2 shards', options: { shards: 2, ...ONE_COPY } },
  { name: '4 shards', options: { shards: 4, ...ONE_COPY } },
  { name: '4 shards, each on two workers', options: { shards: 4, replicas: 2 } },
];
