import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { createCpuBackend } from '@gearshift/backend-cpu';
import { createMatrix, markChanged, unwrap, type Backend } from '@gearshift/contracts';
import { CLUSTER_CHANNELS, createClusterWorker, ManualClock, type HedgeEvent } from '@gearshift/backend-cluster';
import { encodeDropOrder } from '../src/messages/load-order.js';
import { askCluster, DIMENSIONS, someMatrix } from './ask-cluster.js';
import { withHook } from './held-backend.js';
import {
  CLUSTER_NAME,
  sharedCpu,
  startBackend,
  startCluster,
  type StartOptions,
  type TestCluster,
} from './start-cluster.js';

const LINK = { delayMs: 1 };

let cluster: TestCluster | undefined;
afterEach(async () => {
  await cluster?.close();
  cluster = undefined;
});

async function begin(options: Partial<StartOptions> = {}) {
  const clock = new ManualClock();
  const started = await startCluster({ workers: 4, clock, ...options });
  cluster = started;
  for (const { name } of started.workers) started.network.setLink(name, LINK);
  const matrix = someMatrix();
  const ask = (of = matrix, by: Backend = started.backend, signal?: AbortSignal) => askCluster(clock, by, of, signal);
  /** So that the latencies of every shard are known. */
  const warmUp = async () => {
    for (let i = 0; i < 20; i++) expect((await ask()).outcome).toBe('right');
  };
  return { ...started, clock, matrix, ask, warmUp };
}

function countHedges(): HedgeEvent[] {
  const hedges: HedgeEvent[] = [];
  const listen = (event: unknown) => void hedges.push(event as HedgeEvent);
  subscribe(CLUSTER_CHANNELS.hedge, listen);
  onTestFinished(() => void unsubscribe(CLUSTER_CHANNELS.hedge, listen));
  return hedges;
}

const holdersOf = (workers: TestCluster['workers'], shard: number) =>
  workers.filter((worker) => worker.describe().shards.some((spec) => spec.shard === shard)).map(({ name }) => name);

describe('a cluster with two replicas', () => {
  it('answers a query during which a worker is killed, within the hedge delay and 5 ms', async () => {
    const { network, clock, ask, warmUp, backend, matrix } = await begin({ backend: { hedgeFloorMs: 20 } });
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
    const { network, clock, ask, warmUp } = await begin();
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
    const { network, ask, warmUp } = await begin();
    await warmUp();
    network.setLink('w0', { delayMs: 400 });
    for (let i = 0; i < 100; i++) {
      const { outcome, tookMs } = await ask();
      expect(outcome).toBe('right');
      expect(tookMs).toBeLessThan(50);
    }
  });

  it('answers during a partition of four seconds from the other replicas', async () => {
    const { network, clock, ask, warmUp } = await begin();
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
    const { network, ask, warmUp, workers } = await begin({ backend: { timeoutMs: 500 }, network: { seed: 77 } });
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
    const { network, ask, warmUp, workers } = await begin();
    await warmUp();
    for (const name of holdersOf(workers, 0)) network.kill(name);
    const { outcome, message, tookMs } = await ask();
    expect(outcome).toBe('unreachable');
    expect(message).toMatch(/shard \d/);
    expect(tookMs).toBeLessThan(100);
    for (let i = 0; i < 10; i++) expect((await ask()).outcome).toBe('right');
  });

  it('fails with unreachable when there is no worker, and answers when there is one again', async () => {
    const { network, ask, warmUp, clock } = await begin({ workers: 1 });
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
    const { network, clock, ask, warmUp, backend, matrix } = await begin();
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

describe('generations', () => {
  it('that workers have dropped are never answered from, and are put there again', async () => {
    const { network, clock, ask, warmUp, workers } = await begin({ workers: 2 });
    await warmUp();
    const other = network.connect('other');
    const [{ key, generation }] = workers[0].describe().shards;
    // One holder of each shard is left.
    other.send(`gearshift.${CLUSTER_NAME}.worker.w0.drop`, encodeDropOrder({ key, generation }));
    for (let i = 0; i < 10; i++) expect((await ask()).outcome).toBe('right');
    other.send(`gearshift.${CLUSTER_NAME}.worker.w1.drop`, encodeDropOrder({ key, generation: undefined }));
    await clock.advance(0);
    const outcomes: string[] = [];
    for (let i = 0; i < 5; i++) outcomes.push((await ask()).outcome);
    expect(outcomes.filter((outcome) => !['right', 'stale', 'unreachable'].includes(outcome))).toEqual([]);
    expect(outcomes.slice(-3)).toEqual(['right', 'right', 'right']);
  });

  it('of changed rows take over at once, and the old ones are dropped', async () => {
    const { clock, matrix, ask, warmUp, workers } = await begin();
    await warmUp();
    for (let change = 0; change < 5; change++) {
      matrix.values.set(someMatrix(matrix.rows, 50 + change).values);
      markChanged(matrix);
      expect((await ask()).outcome).toBe('right');
      await clock.advance(5);
      for (const worker of workers) {
        const generations = new Set(worker.describe().shards.map(({ generation }) => generation));
        expect(generations.size).toBeLessThanOrEqual(1);
      }
    }
  });

  it('of two coordinators do not disturb each other, although both change the version', async () => {
    const { network, clock, ask, backend } = await begin();
    const other = await startBackend(network, 'c1', { id: 'cluster:1', leastWorkers: 4 }, clock);
    // The same id in two threads, with other contents for each version.
    const versions = Array.from({ length: 6 }, (_, i) => someMatrix(256, 70 + i));
    const { id } = versions[0];
    for (let round = 0; round < 12; round++) {
      const mine = { ...versions[round % 6], id, version: 1 + (round % 6) };
      const theirs = { ...versions[(round + 3) % 6], id, version: 1 + ((round + 3) % 6) };
      const [first, second] = await Promise.all([ask(mine, backend), askCluster(clock, other, theirs)]);
      expect(first.outcome).toBe('right');
      expect(second.outcome).toBe('right');
      if (round % 4 === 3) other.release(theirs);
    }
    await clock.advanceUntil(other.close());
    expect((await ask({ ...versions[5], id, version: 6 }, backend)).outcome).toBe('right');
  });
});

describe('workers that fail', () => {
  it('see a query that kills its worker at most twice, and one of three replicas is left', async () => {
    const clock = new ManualClock();
    const cpu = await sharedCpu();
    const visited: string[] = [];
    const started = await startCluster({
      workers: 0,
      clock,
      backend: { leastWorkers: 0, replicas: 3, shards: 1, timeoutMs: 400 },
    });
    cluster = started;
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
      const clock = new ManualClock();
      const cpu = await sharedCpu();
      const visited: string[] = [];
      const started = await startCluster({ workers: 0, clock, backend: { leastWorkers: 0, shards } });
      cluster = started;
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
    const { ask } = await begin({ worker: { backend: broken }, backend: { replicas: 4, shards: 1 } });
    expect((await ask()).outcome).toBe('fault');
    expect(visits).toBe(2);
  });

  it('by being overloaded are replaced by another replica', async () => {
    const waiting: (() => void)[] = [];
    const slow = withHook(await sharedCpu(), () => new Promise((resolve) => waiting.push(resolve)));
    const options = { worker: { backend: slow, maxUnderWay: 1 }, backend: { shards: 1, hedgeStartMs: 5000 } };
    const { clock, backend, matrix } = await begin({ workers: 2, ...options });
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
    const { clock, ask, matrix, backend, workers } = await begin({
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
    const { network, clock, backend, workers, ask } = await begin({ workers: 2, worker: { maxBytes: 12_000 } });
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
    const { network, clock, ask, backend, matrix } = await begin({ workers: 1 });
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

describe('an upgrade of one worker after the other', () => {
  it('answers from the old workers as long as they have all shards, then from the new ones, and never from both', async () => {
    const { network, clock, ask, warmUp, workers, matrix, backend } = await begin();
    await warmUp();
    const cpu = await sharedCpu();
    const upgraded = {
      ...withHook(cpu, () => Promise.resolve()),
      describe: () => ({ ...cpu.describe(), version: '99.0.0' }),
    };
    const outcomes: string[] = [];
    const later = [];
    for (const { name } of workers) {
      await clock.advanceUntil(workers.find((worker) => worker.name === name)?.drain() ?? Promise.resolve());
      const common = { name: CLUSTER_NAME, worker: name, backend: upgraded, clock, maxBytes: 2 ** 20 };
      later.push(await createClusterWorker({ transport: network.connect(name), ...common }));
      await clock.advance(10);
      for (let i = 0; i < 5; i++) outcomes.push((await ask()).outcome);
      // Shards of another operand cannot be placed on a mix.
      const isMixed = later.length < workers.length;
      expect((await ask(someMatrix(128, 40))).outcome).toBe(isMixed ? 'unsupported' : 'right');
    }
    expect(outcomes.slice(0, 5)).toEqual(Array.from({ length: 5 }, () => 'right'));
    expect(outcomes.slice(-4)).toEqual(Array.from({ length: 4 }, () => 'right'));
    expect(outcomes.filter((outcome) => !['right', 'unsupported', 'unreachable', 'stale'].includes(outcome))).toEqual(
      [],
    );
    expect(backend.residency(matrix).bytesToUpload).toBe(0);
    for (const worker of later) await clock.advanceUntil(worker.close());
  });
});

describe('a worker that drains', () => {
  it('answers what it has, takes nothing new, and its shards are answered by others', async () => {
    const gates: (() => void)[] = [];
    let isGated = false;
    const gated = withHook(await sharedCpu(), () =>
      isGated ? new Promise((resolve) => gates.push(resolve)) : Promise.resolve(),
    );
    const { clock, ask, warmUp, workers, backend, matrix } = await begin({
      worker: { backend: gated },
      backend: { hedgeStartMs: 9000, hedgeFloorMs: 9000 },
    });
    await warmUp();
    isGated = true;
    const asking = askCluster(clock, backend, matrix);
    await clock.advance(5);
    isGated = false;
    const draining = workers[0].drain();
    await clock.advance(5);
    for (const go of gates) go();
    expect((await asking).outcome).toBe('right');
    await clock.advanceUntil(draining);
    for (let i = 0; i < 20; i++) expect((await ask()).outcome).toBe('right');
    expect((await ask(someMatrix(256, 9))).outcome).toBe('right');
    expect(workers[0].describe().shards).toEqual([]);
  });
});

describe('an operand', () => {
  it('is sent once for requests at the same time, and an abort ends only its own request', async () => {
    const { clock, backend, network, workers } = await begin();
    for (const { name } of workers) network.setLink(name, { delayMs: 20 });
    const matrix = someMatrix(256, 12);
    const [first, second] = [new AbortController(), new AbortController()];
    const startedAtMs = clock.nowMs();
    const asking = [first.signal, second.signal, undefined].map((signal) => {
      const output = { indices: new Uint32Array(1), scores: new Float32Array(1), count: 0 };
      const request = { operation: 'top-k', query: new Float32Array(DIMENSIONS).fill(1), matrix, k: 1 } as const;
      const outcome = backend.topK(request, output, signal).then((answer) => (answer.ok ? 'ok' : answer.error.kind));
      return outcome.then((kind) => `${kind} after ${clock.nowMs() - startedAtMs}`);
    });
    await clock.advance(5);
    second.abort();
    await clock.advance(0);
    expect(await asking[1]).toBe('aborted after 5');
    await clock.advance(5);
    // Its upload is begun again for the last one.
    first.abort();
    await clock.advance(0);
    expect(await asking[0]).toBe('aborted after 10');
    expect(await clock.advanceUntil(asking[2])).toMatch(/^ok after/);
    await clock.advance(100);
    const generations = new Set(
      workers.flatMap((worker) => worker.describe().shards.map(({ generation }) => generation)),
    );
    expect(generations.size).toBe(1);
  });

  it('that was detached while it was sent is an error, and so is one of too many dimensions for a message', async () => {
    const { clock, backend } = await begin({ network: { maxPayloadBytes: 4096 } });
    const matrix = someMatrix(2048);
    const asking = clock.advanceUntil(backend.makeResident(matrix));
    structuredClone(matrix.values.buffer, { transfer: [matrix.values.buffer as ArrayBuffer] });
    const answer = await asking;
    expect(answer.ok ? 'ok' : answer.error.kind).toBe('invalid-input');
    const wide = createMatrix(new Float32Array(2000), { dimensions: 1000 });
    const output = { indices: new Uint32Array(1), scores: new Float32Array(1), count: 0 };
    const refused = await backend.topK(
      { operation: 'top-k', query: new Float32Array(1000), matrix: wide, k: 1 },
      output,
    );
    expect(refused.ok ? 'ok' : refused.error.kind).toBe('unsupported');
  });
});
