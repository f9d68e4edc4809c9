import { afterEach, describe, expect, it } from 'vitest';
import { type ClusterTransport, type ShardSpec } from '@gearshift/backend-cluster';
import { createRandom, type SeededRandom } from '@gearshift/testing';
import { decodeAnnouncement, encodeAnnouncement } from '../src/messages/announcement.js';
import { encodeAnswer, type AnswerHeader } from '../src/wire/answer.js';
import { decodeQuery, type ShardQuery } from '../src/wire/query.js';
import { askCluster, someMatrix } from './ask-cluster.js';
import { SettledClock } from './settled-clock.js';
import { CLUSTER_NAME, startCluster, type TestCluster } from './start-cluster.js';

let cluster: TestCluster | undefined;
afterEach(async () => {
  await cluster?.close();
  cluster = undefined;
});

type Lie = (query: ShardQuery, spec: ShardSpec, random: SeededRandom, respond: (bytes: Uint8Array) => void) => void;

const INSTANCE = 12345;

function headerFor(query: ShardQuery, spec: ShardSpec): AnswerHeader {
  const { operation, id, generation, queries } = query;
  const [start, end] = [Math.max(query.start, spec.start), Math.min(query.end, spec.end)];
  const count = Math.min(query.k, end - start);
  const times = { kernelMs: 1, queueMs: 0, underWay: 0 };
  return {
    status: 'ok',
    operation,
    shard: spec.shard,
    id,
    generation,
    instance: INSTANCE,
    queries,
    start,
    end,
    count,
    ...times,
  };
}

/** As good as they get: rows of the shard with infinite scores, in the order of ties. */
function entries({ count, start }: AnswerHeader): [Uint32Array, Float32Array] {
  return [Uint32Array.from({ length: count }, (_, i) => start + i), new Float32Array(count).fill(Infinity)];
}

const LIES: Readonly<Record<string, Lie>> = {
  'bytes that are no answer': (_query, _spec, random, respond) =>
    respond(Uint8Array.from({ length: random.integer(200) }, () => random.integer(256))),
  'an answer with changed bytes in its header': (query, spec, random, respond) => {
    const bytes = encodeAnswer(headerFor(query, spec), ...entries(headerFor(query, spec)));
    // Not the times, which change nothing.
    bytes[random.integer(52)] ^= 1 + random.integer(255);
    respond(bytes);
  },
  'the answer of another shard': (query, spec, _random, respond) => {
    const header = { ...headerFor(query, spec), shard: (spec.shard + 1) % spec.shards };
    respond(encodeAnswer(header, ...entries(header)));
  },
  'rows of another shard': (query, spec, _random, respond) => {
    const header = headerFor(query, spec);
    const [indices, scores] = entries(header);
    respond(
      encodeAnswer(
        header,
        indices.map((row) => (row + header.end - header.start) % spec.rows),
        scores,
      ),
    );
  },
  'one row again and again': (query, spec, _random, respond) => {
    const header = headerFor(query, spec);
    const [indices, scores] = entries(header);
    respond(encodeAnswer(header, indices.fill(header.start), scores));
  },
  'the same wrong answer five times': (query, spec, _random, respond) => {
    const header = { ...headerFor(query, spec), generation: 1 };
    for (let i = 0; i < 5; i++) respond(encodeAnswer(header, ...entries(header)));
  },
  refusals: (query, spec, random, respond) => {
    const statuses = ['stale', 'overloaded', 'invalid-input', 'fault', 'expired', 'aborted'] as const;
    respond(encodeAnswer({ ...headerFor(query, spec), status: statuses[random.integer(6)] }));
  },
  silence: () => {},
};

/** A worker that says it holds what an honest one holds, and answers queries for it with a lie. */
async function addLiar(started: TestCluster, clock: SettledClock, lie: Lie): Promise<{ readonly asked: () => number }> {
  const random = createRandom(31);
  const transport: ClusterTransport = started.network.connect('liar');
  const honest = started.workers[0].describe();
  let asked = 0;
  const answer = (spec: ShardSpec) => (message: { data: Uint8Array; respond(bytes: Uint8Array): void }) => {
    const query = decodeQuery(message.data);
    if (typeof query === 'string') return;
    asked += 1;
    lie(query, spec, random, (bytes) => message.respond(bytes));
  };
  for (const spec of honest.shards) {
    const subject = `gearshift.${CLUSTER_NAME}.query.${spec.key}.${spec.generation}`;
    transport.watch(subject, { queue: `shard-${spec.shard}` }, answer(spec));
  }
  transport.watch(`gearshift.${CLUSTER_NAME}.worker.liar.query`, {}, (message) => {
    const query = decodeQuery(message.data);
    const spec = honest.shards.find(({ shard }) => typeof query !== 'string' && shard === query.shard);
    if (spec !== undefined) answer(spec)(message);
  });
  const said = { ...honest, worker: 'liar', instance: INSTANCE, isDraining: true };
  expect(decodeAnnouncement(encodeAnnouncement(said))).toEqual(said);
  transport.send(`gearshift.${CLUSTER_NAME}.state.liar`, encodeAnnouncement(said));
  await clock.advance(5);
  return { asked: () => asked };
}

describe('a worker that lies', () => {
  it.each(Object.entries(LIES))('is not believed: %s', async (_, lie) => {
    const clock = new SettledClock();
    const started = await startCluster({ workers: 3, clock, backend: { replicas: 3, timeoutMs: 300 } });
    cluster = started;
    const matrix = someMatrix();
    expect((await askCluster(clock, started.backend, matrix)).outcome).toBe('right');
    const { asked } = await addLiar(started, clock, lie);
    const outcomes = new Map<string, number>();
    // No longer than it is heard of.
    for (let i = 0; i < 100 && clock.nowMs() < 3000; i++) {
      const { outcome } = await askCluster(clock, started.backend, matrix);
      await clock.advance(30);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    // Asked again when it is no longer suspected.
    expect(asked()).toBeGreaterThan(1);
    // Wrong answers fail the test in askCluster; honest replicas give the right ones.
    expect([...outcomes.keys()]).toEqual(['right']);
  });

  it('and has the only copy gives a typed error', async () => {
    const clock = new SettledClock();
    const started = await startCluster({ workers: 1, clock, backend: { replicas: 1 } });
    cluster = started;
    const matrix = someMatrix();
    expect((await askCluster(clock, started.backend, matrix)).outcome).toBe('right');
    await addLiar(started, clock, LIES['one row again and again']);
    started.network.kill('w0');
    // The honest one is forgotten at the first query that says so.
    const outcomes: string[] = [];
    for (let i = 0; i < 5; i++) outcomes.push((await askCluster(clock, started.backend, matrix)).outcome);
    expect(new Set(outcomes)).toEqual(
      new Set(['invalid-result', 'unreachable'].filter((kind) => outcomes.includes(kind))),
    );
    expect(outcomes).toContain('invalid-result');
  });
});
