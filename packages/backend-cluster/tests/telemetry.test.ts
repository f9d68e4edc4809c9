import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import {
  CLUSTER_CHANNELS,
  type AnswerEvent,
  type HedgeEvent,
  type ShardEvent,
  type TraceEvent,
} from '@gearshift/backend-cluster';
import { afterEach, expect, it, onTestFinished } from 'vitest';
import { askCluster, someMatrix } from './ask-cluster.js';
import { SettledClock } from './settled-clock.js';
import { startCluster, type TestCluster } from './start-cluster.js';

let cluster: TestCluster | undefined;
afterEach(async () => {
  await cluster?.close();
  cluster = undefined;
});

function collect<T>(name: string): T[] {
  const events: T[] = [];
  const listen = (event: unknown) => void events.push(event as T);
  subscribe(name, listen);
  onTestFinished(() => void unsubscribe(name, listen));
  return events;
}

it('tells the end of each query at a shard and each hedge, with the trace id that workers see', async () => {
  const clock = new SettledClock();
  cluster = await startCluster({ workers: 3, clock, backend: { hedgeStartMs: 20 } });
  const { network, backend } = cluster;
  const matrix = someMatrix();
  const shards = collect<ShardEvent>(CLUSTER_CHANNELS.shard);
  const hedges = collect<HedgeEvent>(CLUSTER_CHANNELS.hedge);
  expect((await askCluster(clock, backend, matrix)).outcome).toBe('right');
  expect(shards.map(({ shard }) => shard).sort()).toEqual([0, 1, 2]);
  for (const event of shards) {
    expect(event).toMatchObject({ backend: 'cluster:0', operation: 'top-k', outcome: 'success', asked: 1 });
    expect(event.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(event.kernelMs).toBeGreaterThanOrEqual(0);
  }
  expect(new Set(shards.map(({ traceId }) => traceId)).size).toBe(1);
  expect(hedges).toEqual([]);

  shards.length = 0;
  network.pause('w1');
  for (let i = 0; i < 5; i++) expect((await askCluster(clock, backend, matrix)).outcome).toBe('right');
  network.resume('w1');
  expect(hedges.length).toBeGreaterThan(0);
  expect(hedges[0]).toMatchObject({ backend: 'cluster:0', operation: 'top-k', afterMs: 20 });
  const hedged = shards.find(({ traceId, shard }) => traceId === hedges[0].traceId && shard === hedges[0].shard);
  expect(hedged).toMatchObject({ outcome: 'success' });
  expect(hedged?.latencyMs).toBeGreaterThanOrEqual(20);

  shards.length = 0;
  for (const name of ['w0', 'w1', 'w2']) network.kill(name);
  await askCluster(clock, backend, matrix);
  expect(shards.some(({ outcome }) => outcome === 'unreachable')).toBe(true);
  expect(shards.every(({ outcome }) => ['unreachable', 'aborted'].includes(outcome))).toBe(true);
});

it('gives queries the trace id that a subscriber chooses, and workers publish their answers with it', async () => {
  const clock = new SettledClock();
  cluster = await startCluster({ workers: 2, clock });
  const { backend } = cluster;
  const matrix = someMatrix();
  const traceId = '0123456789abcdef0123456789abcdef';
  const choose = (event: unknown) => {
    expect(event).toEqual({ backend: 'cluster:0', operation: 'top-k', traceId: undefined });
    (event as TraceEvent).traceId = traceId;
  };
  const answers = collect<AnswerEvent>(CLUSTER_CHANNELS.answer);
  subscribe(CLUSTER_CHANNELS.trace, choose);
  onTestFinished(() => void unsubscribe(CLUSTER_CHANNELS.trace, choose));
  expect((await askCluster(clock, backend, matrix)).outcome).toBe('right');
  expect(answers.map(({ shard }) => shard).sort()).toEqual([0, 1]);
  for (const answer of answers) {
    expect(answer).toMatchObject({ operation: 'top-k', status: 'ok', traceId });
    expect(answer.latencyMs).toBeGreaterThan(0);
  }
});
