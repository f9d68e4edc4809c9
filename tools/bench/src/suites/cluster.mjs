import { findNatsServer } from '@gearshift/nats-server';
import { constantsTable } from '../cluster/constants.mjs';
import { measureFailover } from '../cluster/failover.mjs';
import { lineThrough, quantile, ratioOfRounds } from '../cluster/latencies.mjs';
import { measureLoadRates } from '../cluster/load-rates.mjs';
import { measureLargeScan, measureScatter } from '../cluster/scatter.mjs';
import { measureThroughput } from '../cluster/throughput.mjs';
import { measureWireBytes } from '../cluster/wire-bytes.mjs';

const ADDED_GOAL_MS = 0.5;
const SHARD_GOAL_US = 2;
const FAILOVER_GOAL_MS = 5;
const TROUBLE_GOAL_MS = 200;

/** All processes share the CPUs of one machine, so that nothing here shows what more machines save. */
export default {
  name: 'cluster',
  description: 'what a cluster on NATS costs over one CPU, and what it does when a worker fails',

  async run({ quick, log }) {
    const found = findNatsServer();
    if (found.lacks !== null) {
      log(`needs ${found.lacks}`);
      const note = `needs ${found.lacks}`;
      return { tables: [], goals: [{ id: 'cluster', target: 'a NATS server', measured: null, pass: null, note }] };
    }
    const goals = [];
    const goal = (target, measured, pass, note) => goals.push({ id: 'cluster', target, measured, pass, note });

    log('Latency and CPU time, by the number of shards ...');
    const warmUpMs = quick ? 0 : 2500;
    const counts = quick ? [1, 2, 4, 16] : [1, 2, 4, 16, 64, 256];
    const scatter = await measureScatter({
      counts,
      rounds: quick ? 3 : 15,
      warmUpMs,
      ...(quick && { perTurn: () => 5 }),
    });
    const four = scatter.find(({ shards }) => shards === 4);
    const addedMs = quantile(four.cluster.addedMs, 0.5);
    const bareMs = quantile(four.bare.totalMs, 0.5);
    goal(
      `what 4 shards add to the slowest scan: <= ${ADDED_GOAL_MS} ms p50`,
      addedMs,
      addedMs <= ADDED_GOAL_MS,
      `the same messages without Gearshift: ${bareMs.toPrecision(3)} ms`,
    );
    const cpuOf = (way) => lineThrough(scatter.map((row) => [row.shards, quantile(row[way].cpuUs, 0.5)]));
    const [perShard, barePerShard] = [cpuOf('cluster').slope, cpuOf('bare').slope];
    goal(
      `CPU time of the coordinator for each further shard: <= ${SHARD_GOAL_US} us`,
      perShard,
      perShard <= SHARD_GOAL_US,
      `the same messages without Gearshift: ${barePerShard.toPrecision(3)} us`,
    );

    log('A large scan ...');
    const large = { rows: quick ? 2000 : 40_000, rounds: quick ? 3 : 9, warmUpMs, perTurn: quick ? 3 : 20 };
    const scans = await measureLargeScan(large);

    log('Throughput ...');
    const underWay = quick ? [1, 32] : [1, 4, 16, 32];
    const rates = await measureThroughput({ underWay, rounds: quick ? 1 : 5, turnMs: quick ? 100 : 500 });

    log('Bytes ...');
    const bytes = await measureWireBytes({ counts: [1, 2, 4, 16] });
    const outBytes = (count) => bytes.find(({ shards }) => shards === count).outBytes;
    const growth = outBytes(16) / outBytes(2);
    goal('bytes that a query to 16 shards sends: <= 1.01 of those to 2', growth, growth <= 1.01);

    log('Failures of workers ...');
    const trouble = quick
      ? { kills: 1, calmMs: 500, troubleMs: 500, partitionMs: 500 }
      : { kills: 20, calmMs: 2500, troubleMs: 500, partitionMs: 4000 };
    const failovers = await measureFailover(trouble);
    const [kill, stop, partition] = failovers;
    const { hitMs } = kill;
    const slowestMs = hitMs.length === 0 ? null : Math.max(...hitMs);
    goal(
      `kill -9: the slowest query under way <= ${FAILOVER_GOAL_MS} ms after another worker was asked`,
      slowestMs,
      slowestMs === null ? null : slowestMs <= FAILOVER_GOAL_MS,
      slowestMs === null ? 'none was under way' : `of ${hitMs.length}; p50: ${quantile(hitMs, 0.5).toPrecision(3)} ms`,
    );
    for (const { what, p99Ms } of [stop, partition]) {
      goal(`${what}: p99 < ${TROUBLE_GOAL_MS} ms`, p99Ms, p99Ms < TROUBLE_GOAL_MS);
    }
    const errors = failovers.reduce((sum, row) => sum + row.errors, 0);
    goal('queries that fail while one of two workers fails: 0', errors, errors === 0);

    log('Loads ...');
    const load = { rows: quick ? 2000 : 60_000, rounds: quick ? 1 : 5 };
    const loads = await measureLoadRates(load);

    return {
      tables: [
        {
          title: `Top 10 of shards of 32 rows of 768 dimensions, on four workers; bare: the same messages without Gearshift`,
          columns: [
            ...['shards', 'p50 ms', 'p95 ms', 'besides the scan, p50 ms', 'bare p50 ms', 'bare p95 ms', 'times bare'],
            ...['CPU of the coordinator, us', 'bare, us', 'CPU of the workers, us', 'bare workers, us'],
          ],
          rows: scatter.map(({ shards, cluster, bare }) => [
            shards,
            quantile(cluster.totalMs, 0.5),
            quantile(cluster.totalMs, 0.95),
            quantile(cluster.addedMs, 0.5),
            quantile(bare.totalMs, 0.5),
            quantile(bare.totalMs, 0.95),
            ratioOfRounds(cluster.addedP50, bare.roundsP50),
            quantile(cluster.cpuUs, 0.5),
            quantile(bare.cpuUs, 0.5),
            cluster.othersUs.get('workers'),
            bare.othersUs.get('workers'),
          ]),
        },
        {
          title: `Top 10 of ${large.rows} rows of 768 dimensions, one thread for each worker, all on the same CPUs`,
          columns: ['where', 'p50 ms', 'p95 ms', 'besides the slowest scan, p50 ms', 'times one CPU'],
          rows: scans.map(({ name, p50Ms, p95Ms, addedP50Ms, times }) => [name, p50Ms, p95Ms, addedP50Ms, times]),
        },
        {
          title: 'Queries to 4 shards of 32 rows, each on two workers, in the defaults',
          columns: ['under way', 'queries/s', 'bare queries/s', 'share', 'p50 ms', 'p95 ms'],
          rows: rates.map(({ underWay: count, perSecond, barePerSecond, p50Ms, p95Ms }) => [
            ...[count, perSecond, barePerSecond, perSecond / barePerSecond, p50Ms, p95Ms],
          ]),
        },
        {
          title: 'Bytes on the connection of the coordinator for one query of 768 dimensions and its 10 best',
          columns: ['shards', 'out', 'in'],
          rows: bytes.map(({ shards, outBytes: out, inBytes }) => [shards, out, inBytes]),
        },
        {
          title: 'Two clients, 4 shards on two workers each, while something happens to one of four workers',
          columns: [
            ...['what', 'queries', 'errors', 'p50 before, ms', 'slowest before, ms', 'p50 ms', 'p99 ms'],
            ...['slowest, ms', 'asked again', 'at the latest after, ms'],
          ],
          rows: failovers.map((row) => [
            ...[row.what, row.queries, row.errors, row.beforeP50Ms, row.beforeWorstMs, row.p50Ms, row.p99Ms],
            ...[row.worstMs, row.hedges, row.hedgeMs],
          ]),
        },
        {
          title: `How fast ${load.rows} rows of 768 dimensions come to four workers, one copy of each`,
          columns: ['how', 'MB/s'],
          rows: [
            ['each worker maps the file, until the first answer', loads.file],
            ['one process reads the file', loads.read],
            ['pushed by the coordinator, with digests', loads.push],
            ['bare messages of 1 MiB to one worker', loads.bare],
          ],
        },
        constantsTable(scatter),
      ],
      goals,
    };
  },
};
