import { unwrap } from '@gearshift/contracts';
import { quantile } from './latencies.mjs';
import { bareSubject, openCluster } from './open-cluster.mjs';
import { ANSWER_BYTES, QUERY_BYTES, requestOf } from './top-k-requests.mjs';

/**
 * Queries per second to 4 shards of 32 rows, each on two workers, with some queries under way at the same time; beside it the same messages
 * without Gearshift. The median over the rounds.
 */
export async function measureThroughput({ underWay, rounds, turnMs }) {
  const SHARDS = 4;
  const cluster = await openCluster({ echoes: [SHARDS], answerBytes: ANSWER_BYTES });
  try {
    const { matrix, request, createOutput } = requestOf(32 * SHARDS);
    const backend = await cluster.coordinate();
    unwrap(await backend.makeResident(matrix));
    const question = new Uint8Array(QUERY_BYTES);
    const rates = new Map(underWay.map((count) => [count, { cluster: [], bare: [], ms: [] }]));
    for (let round = -1; round < rounds; round++) {
      for (const [count, { cluster: own, bare, ms }] of rates) {
        const asked = await loopFor(
          turnMs,
          count,
          async (output) => unwrap(await backend.topK(request, output)),
          createOutput,
        );
        const plain = await loopFor(
          turnMs,
          count,
          () => cluster.bare.ask(bareSubject(SHARDS), question, SHARDS),
          () => null,
        );
        // The first round warms up.
        if (round < 0) continue;
        own.push(asked.perSecond);
        bare.push(plain.perSecond);
        ms.push(...asked.ms);
      }
    }
    return [...rates].map(([count, { cluster: own, bare, ms }]) => ({
      underWay: count,
      perSecond: quantile(own, 0.5),
      barePerSecond: quantile(bare, 0.5),
      p50Ms: quantile(ms, 0.5),
      p95Ms: quantile(ms, 0.95),
    }));
  } finally {
    await cluster.close();
  }
}

async function loopFor(turnMs, count, ask, createOutput) {
  const startedAtMs = performance.now();
  const ms = [];
  await Promise.all(
    Array.from({ length: count }, async () => {
      const output = createOutput();
      while (performance.now() - startedAtMs < turnMs) {
        const askedAtMs = performance.now();
        await ask(output);
        ms.push(performance.now() - askedAtMs);
      }
    }),
  );
  return { perSecond: (1000 * ms.length) / (performance.now() - startedAtMs), ms };
}
