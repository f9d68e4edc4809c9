import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createCpuBackend } from '@gearshift/backend-cpu';
import { unwrap } from '@gearshift/contracts';
import { CLUSTER_CHANNELS, createClusterWorker, type HedgeEvent } from '@gearshift/backend-cluster';
import { askCluster, DIMENSIONS, someMatrix } from './ask-cluster.js';
import { withHook } from './held-backend.js';
import { SettledClock } from './settled-clock.js';
import { CLUSTER_NAME, sharedCpu, startBackend, startCluster } from './start-cluster.js';
import { beginCluster, holdersOf } from './begin-cluster.js';

function countHedges(): HedgeEvent[] {
  const hedges: HedgeEvent[] = [];
  const listen = (event: unknown) => void hedges.push(event as HedgeEvent);
  subscribe(CLUSTER_CHANNELS.hedge, listen);
  onTestFinished(() => void unsubscribe(CLUSTER_CHANNELS.hedge, listen));
  return hedges;
}

describe('a cluster with two replicas', () => {
  it('answers a query during which a worker is killed, within the hedge delay and 5 ms', async () => {
    const { network, clock, ask, warmUp, backend, matrix } = await beginCluster({ backend: { hedgeFloorMs: 20 } });
    await warmUp();
    const calm = await ask();
    expect(calm.tookMs).toBeLessThanOrEqual(4);
    // Killed when the query is on its way: it arrives nowhere.
    const answering = askCluster(clock, backend, matrix);
    network.kill('w1');
    const { outcome, tookMs } = await answering;
    expect(outcome).toBe('right');
    expect(tookMs).toBeLessThanOrEqual(calm.tookMs + 20 + 5);
    for (let i = 0; i < 30; i++) expect((await ask()).outcome).toBe('right');
    // It is silent for longer now, and forgotten.
    await clock.advance(5000);
    for (let i = 0; i < 30; i++) {
      const later = await ask();
      expect(later.outcome).toBe('right');
      expect(later.tookMs).toBeLessThanOrEqual(30);
    }
    await clock.advance(100);
    const hedges = countHedges();
    for (let i = 0; i < 10; i++) expect((await ask()).tookMs).toBeLessThanOrEqual(calm.tookMs);
    expect(hedges).toEqual([]);
  });

  it('avoids a worker that hangs after the first query that it kept waiting', async () => {
    const { network, clock, ask, warmUp } = await beginCluster();
    await warmUp();
    network.pause('w2');
    const hedges = countHedges();
    const times: number[] = [];
    for (let i = 0; i < 200; i++) {
      const { outcome, tookMs } = await ask();
      expect(outcome).toBe('right');
      times.push(tookMs);
      await clock.advance(50);
    }
    expect(hedges.length).toBeGreaterThan(0);
    // Once for each of the times that it was trusted again, while the cluster still heard of it.
    expect(times.filter((time) => time > 5).length).toBeLessThan(20);
    expect(Math.max(...times)).toBeLessThanOrEqual(30);
    network.resume('w2');
    await clock.advance(3000);
    for (let i = 0; i < 20; i++) expect((await ask()).outcome).toBe('right');
  });

  it('answers without a slow replica', async () => {
    const { network, ask, warmUp } = await beginCluster();
    await warmUp();
    network.setLink('w0', { delayMs: 400 });
    for (let i = 0; i < 100; i++) {
      const { outcome, tookMs } = await ask();
      expect(outcome).toBe('right');
      expect(tookMs).toBeLessThan(50);
    }
  });

  it('answers during a partition of four seconds from the other replicas', async () => {
    const { network, clock, ask, warmUp } = await beginCluster();
    await warmUp();
    network.separate(['c0'], ['w3']);
    const endMs = clock.nowMs() + 4000;
    const times: number[] = [];
    while (clock.nowMs() < endMs) {
      const { outcome, tookMs } = await ask();
      expect(outcome).toBe('right');
      times.push(tookMs);
      await clock.advance(20);
    }
    times.sort((a, b) => a - b);
    expect(times.length).toBeGreaterThan(100);
    expect(times[Math.floor(times.length * 0.99)]).toBeLessThan(200);
    network.heal();
    await clock.advance(2000);
    for (let i = 0; i < 10; i++) expect((await ask()).outcome).toBe('right');
  });

  it('answers right or with a typed error when messages are lost and repeated', async () => {
    const { network, ask, warmUp, workers } = await beginCluster({
      backend: { timeoutMs: 500 },
      network: { seed: 77 },
    });
    await warmUp();
    for (const { name } of workers) {
      network.setLink(name, { delayMs: 1, jitterMs: 3, lossRate: 0.03, duplicateRate: 0.1 });
    }
    const outcomes = new Map<string, number>();
    for (let i = 0; i < 300; i++) {
      const { outcome } = await ask();
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    expect(outcomes.get('right')).toBeGreaterThan(280);
    expect([...outcomes.keys()].filter((kind) => !['right', 'timeout'].includes(kind))).toEqual([]);
  });

  it('fails with unreachable when every holder of a shard is killed, and brings the shard to other workers', async () => {
    const { network, ask, warmUp, workers } = await beginCluster();
    await warmUp();
    for (const name of holdersOf(workers, 0)) network.kill(name);
    const { outcome, message, tookMs } = await ask();
    expect(outcome).toBe('unreachable');
    expect(message).toMatch(/shard \d/);
    expect(tookMs).toBeLessThan(100);
    for (let i = 0; i < 10; i++) expect((await ask()).outcome).toBe('right');
  });

  it('fails with unreachable when there is no worker, and answers when there is one again', async () => {
    const { network, ask, warmUp, clock } = await beginCluster({ workers: 1 });
    await warmUp();
    network.kill('w0');
    await clock.advance(4000);
    expect((await ask()).outcome).toBe('unreachable');
    const transport = network.connect('w0');
    const common = { name: CLUSTER_NAME, worker: 'w0', backend: await sharedCpu(), clock, maxBytes: 2 ** 20 };
    const worker = await createClusterWorker({ transport, ...common });
    await clock.advance(5);
    expect((await ask()).outcome).toBe('right');
    await clock.advanceUntil(worker.close());
  });

  it('fails what is under way at once when its connection is lost, and buffers nothing', async () => {
    const { network, clock, ask, warmUp, backend, matrix } = await beginCluster();
    await warmUp();
    const startedAtMs = clock.nowMs();
    const asking = askCluster(clock, backend, matrix);
    network.disconnect('c0');
    expect((await asking).outcome).toBe('unreachable');
    expect((await ask()).outcome).toBe('unreachable');
    expect(clock.nowMs() - startedAtMs).toBeLessThanOrEqual(2);
    network.reconnect('c0');
    await clock.advance(5);
    for (let i = 0; i < 10; i++) expect((await ask()).outcome).toBe('right');
  });
});

describe('workers that fail', () => {
  it('see a query that kills its worker at most twice, and one of three replicas is left', async () => {
    const clock = new SettledClock();
    const cpu = await sharedCpu();
    const visited: string[] = [];
    const started = await startCluster({
      workers: 0,
      clock,
      backend: { leastWorkers: 0, replicas: 3, shards: 1, timeoutMs: 400 },
    });
    onTestFinished(() => started.close());
    const { network, backend } = started;
    for (const name of ['w0', 'w1', 'w2', 'w3']) {
      const poisoned = withHook(cpu, async (request) => {
        if (request.operation !== 'top-k' || request.k !== 13) return;
        visited.push(name);
        network.kill(name);
        await new Promise(() => {});
      });
      const options = { name: CLUSTER_NAME, worker: name, backend: poisoned, clock, maxBytes: 2 ** 20 };
      await createClusterWorker({ transport: network.connect(name), ...options });
    }
    await clock.advance(5);
    const matrix = someMatrix();
    expect((await askCluster(clock, backend, matrix)).outcome).toBe('right');
    const query = new Float32Array(DIMENSIONS).fill(1);
    const output = { indices: new Uint32Array(13), scores: new Float32Array(13), count: 0 };
    const poison = backend.topK({ operation: 'top-k', query, matrix, k: 13 }, output);
    const startedAtMs = clock.nowMs();
    const answer = await clock.advanceUntil(poison);
    // As soon as the second one is known to be gone, and not when the time is over.
    expect(answer.ok ? 'ok' : answer.error.kind).toBe('fault');
    expect(answer.ok ? '' : answer.error.message).toMatch(/^worker w\d ended while it had a query to shard 0/);
    expect(clock.nowMs() - startedAtMs).toBeLessThan(200);
    expect(visited.length).toBe(2);
    expect((await askCluster(clock, backend, matrix)).outcome).toBe('right');
  });

  it.each([1, 3])(
    'by ending both of two replicas of %i shards give a fault, and the shards come back',
    async (shards) => {
      const clock = new SettledClock();
      const cpu = await sharedCpu();
      const visited: string[] = [];
      const started = await startCluster({ workers: 0, clock, backend: { leastWorkers: 0, shards } });
      onTestFinished(() => started.close());
      const { network, backend } = started;
      for (const name of ['w0', 'w1', 'w2', 'w3']) {
        const poisoned = withHook(cpu, async (request) => {
          if (request.operation !== 'top-k' || request.k !== 13 || request.matrix.rows > 90) return;
          visited.push(name);
          network.kill(name);
          await new Promise(() => {});
        });
        const options = { name: CLUSTER_NAME, worker: name, backend: poisoned, clock, maxBytes: 2 ** 20 };
        await createClusterWorker({ transport: network.connect(name), ...options });
      }
      await clock.advance(5);
      // Shards of 64 rows, all but one of them harmless.
      const matrix = someMatrix(shards === 1 ? 64 : 256);
      expect((await askCluster(clock, backend, matrix)).outcome).toBe('right');
      const query = new Float32Array(DIMENSIONS).fill(1);
      const output = { indices: new Uint32Array(13), scores: new Float32Array(13), count: 0 };
      const startedAtMs = clock.nowMs();
      const poison = backend.topK({ operation: 'top-k', query, matrix, k: 13 }, output);
      const answer = await clock.advanceUntil(poison);
      expect(answer.ok ? 'ok' : answer.error.kind).toMatch(/^(fault|unreachable)$/);
      expect(clock.nowMs() - startedAtMs).toBeLessThan(3000);
      expect(visited.length).toBeLessThanOrEqual(2 * shards);
      for (let i = 0; i < 3; i++) await askCluster(clock, backend, matrix);
      if (visited.length < 4) expect((await askCluster(clock, backend, matrix)).outcome).toBe('right');
    },
  );

  it('by an exception are asked twice for one query, and the error is a fault', async () => {
    let visits = 0;
    const broken = withHook(await sharedCpu(), async () => {
      visits += 1;
      throw new Error('broken');
    });
    const { ask } = await beginCluster({ worker: { backend: broken }, backend: { replicas: 4, shards: 1 } });
    expect((await ask()).outcome).toBe('fault');
    expect(visits).toBe(2);
  });

  it('by being overloaded are replaced by another replica', async () => {
    const waiting: (() => void)[] = [];
    const slow = withHook(await sharedCpu(), () => new Promise((resolve) => waiting.push(resolve)));
    const options = { worker: { backend: slow, maxUnderWay: 1 }, backend: { shards: 1, hedgeStartMs: 5000 } };
    const { clock, backend, matrix } = await beginCluster({ workers: 2, ...options });
    const asking = Array.from({ length: 3 }, () => askCluster(clock, backend, matrix));
    await clock.advance(20);
    expect(waiting.length).toBe(2);
    for (const go of waiting) go();
    const outcomes = (await Promise.all(asking)).map(({ outcome }) => outcome);
    expect(outcomes.toSorted()).toEqual(['fault', 'right', 'right']);
  });

  it('stop computing when the request is aborted or its time is over', async () => {
    const signals: AbortSignal[] = [];
    const slow = withHook(await sharedCpu(), (_, signal) => {
      if (signal !== undefined) signals.push(signal);
      return new Promise((resolve) => signal?.addEventListener('abort', () => resolve()));
    });
    const { clock, ask, matrix, backend, workers } = await beginCluster({
      worker: { backend: slow },
      backend: { timeoutMs: 200 },
    });
    const controller = new AbortController();
    const asking = askCluster(clock, backend, matrix, controller.signal);
    await clock.advance(20);
    controller.abort();
    expect((await asking).outcome).toBe('aborted');
    await clock.advance(5);
    expect(signals.length).toBeGreaterThanOrEqual(4);
    expect(signals.map(({ aborted }) => aborted)).toEqual(signals.map(() => true));
    const { outcome, tookMs } = await ask();
    expect(outcome).toBe('timeout');
    expect(tookMs).toBeLessThanOrEqual(205);
    await clock.advance(210);
    expect(workers.map((worker) => worker.describe().underWay)).toEqual([0, 0, 0, 0]);
  });

  it('by lack of memory for a load give a typed error, and keep nothing of it', async () => {
    const { network, clock, backend, workers, ask } = await beginCluster({ workers: 2, worker: { maxBytes: 12_000 } });
    const tooLarge = await ask(someMatrix(512));
    expect(tooLarge.outcome).toBe('out-of-memory');
    const other = await startBackend(network, 'c1', { id: 'cluster:1', leastWorkers: 2 }, clock);
    // Each of them fits alone, and both coordinators have heard that there is room.
    const [first, second] = [someMatrix(256, 3), someMatrix(256, 4)];
    const both = await Promise.all([askCluster(clock, backend, first), askCluster(clock, other, second)]);
    expect(both.map(({ outcome }) => outcome)).toContain('out-of-memory');
    await clock.advance(50);
    const free = workers.map((worker) => worker.describe().freeBytes);
    const held = workers.map((worker) =>
      worker.describe().shards.reduce((sum, spec) => sum + (spec.end - spec.start) * 32, 0),
    );
    expect(free).toEqual(held.map((bytes) => 12_000 - bytes));
    for (const [i, { outcome }] of both.entries()) {
      if (outcome !== 'right') continue;
      expect((await askCluster(clock, [backend, other][i], [first, second][i])).outcome).toBe('right');
    }
    await clock.advanceUntil(other.close());
  });

  it('with different instruction sets are not mixed, and the error names both', async () => {
    const { network, clock, ask, backend, matrix } = await beginCluster({ workers: 1 });
    const portable = unwrap(await createCpuBackend({ level: 'typescript' }));
    const common = { name: CLUSTER_NAME, worker: 'other', backend: portable, clock, maxBytes: 2 ** 20 };
    const worker = await createClusterWorker({ transport: network.connect('other'), ...common });
    await clock.advance(5);
    const supported = backend.supports({ operation: 'top-k', query: new Float32Array(DIMENSIONS), matrix, k: 1 });
    expect(supported).not.toBe(true);
    const { outcome, message } = await ask();
    expect(outcome).toBe('unsupported');
    const levels = [(await sharedCpu()).describe().level ?? 'portable', portable.describe().level ?? 'portable'];
    for (const level of levels) expect(message).toContain(level);
    await clock.advanceUntil(worker.close());
    await portable.close();
  });
});
