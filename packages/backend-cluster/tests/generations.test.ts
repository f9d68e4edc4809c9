import { describe, expect, it } from 'vitest';
import { createMatrix, markChanged } from '@gearshift/contracts';
import { createClusterWorker } from '@gearshift/backend-cluster';
import { encodeDropOrder } from '../src/messages/load-order.js';
import { askCluster, DIMENSIONS, someMatrix } from './ask-cluster.js';
import { withHook } from './held-backend.js';
import { CLUSTER_NAME, sharedCpu, startBackend } from './start-cluster.js';
import { beginCluster } from './begin-cluster.js';

describe('generations', () => {
  it('that workers have dropped are never answered from, and are put there again', async () => {
    const { network, clock, ask, warmUp, workers } = await beginCluster({ workers: 2 });
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
    const { clock, matrix, ask, warmUp, workers } = await beginCluster();
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
    const { network, clock, ask, backend } = await beginCluster();
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

describe('an upgrade of one worker after the other', () => {
  it('answers from the old workers as long as they have all shards, then from the new ones, and never from both', async () => {
    const { network, clock, ask, warmUp, workers, matrix, backend } = await beginCluster();
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
    const { clock, ask, warmUp, workers, backend, matrix } = await beginCluster({
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
    const { clock, backend, network, workers } = await beginCluster();
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
    const { clock, backend } = await beginCluster({ network: { maxPayloadBytes: 4096 } });
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
