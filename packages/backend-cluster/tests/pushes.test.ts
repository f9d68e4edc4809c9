import { createMatrix, createTopKOutput, prepareTopK, unwrap, type VectorMatrix } from '@gearshift/contracts';
import { randomValues } from '@gearshift/testing';
import {
  createClusterBackend,
  createClusterWorker,
  InMemoryNetwork,
  ManualClock,
  type ClusterTransport,
} from '@gearshift/backend-cluster';
import { describe, expect, it } from 'vitest';
import { countBytes, type ByteCounts } from './count-bytes.js';
import { CLUSTER_NAME, sharedCpu, startCluster } from './start-cluster.js';

const DIMENSIONS = 64;
const ROWS = 8192;
const BYTES = 4 * ROWS * DIMENSIONS;
const matrix = createMatrix(randomValues(ROWS * DIMENSIONS, 3), { dimensions: DIMENSIONS });
const rankingOf = (of: VectorMatrix) =>
  prepareTopK({ operation: 'top-k', query: randomValues(DIMENSIONS, 4), matrix: of, k: 3 });
const request = rankingOf(matrix);

describe('rows that are pushed', () => {
  it('go over a connection of their own on both sides, and nothing else does', async () => {
    const network = new InMemoryNetwork();
    const counts = new Map<string, ByteCounts>();
    const connect = (name: string) => {
      const counted = countBytes(network.connect(name));
      counts.set(name, counted.counts);
      return counted.transport;
    };
    const workers = [];
    for (const worker of ['w0', 'w1']) {
      const options = { transport: connect(worker), name: CLUSTER_NAME, worker, backend: await sharedCpu() };
      workers.push(await createClusterWorker({ ...options, maxBytes: 2 ** 26 }));
    }
    const backend = unwrap(
      await createClusterBackend({ transport: connect('c0'), name: CLUSTER_NAME, leastWorkers: 2 }),
    );
    unwrap(await backend.topK(request, createTopKOutput(request)));
    const [coordinator, ...receivers] = ['c0', 'w0', 'w1'].map((name) => counts.get(name));
    expect(coordinator?.beside.sent).toBeGreaterThan(2 * BYTES);
    expect(coordinator?.main.sent).toBeLessThan(10_000);
    for (const receiver of receivers) {
      expect(receiver?.beside.received).toBeGreaterThan(BYTES);
      expect(receiver?.main.received).toBeLessThan(10_000);
    }
    await backend.close();
    for (const worker of workers) await worker.close();
    // The further connections are closed as well: nothing is left that receives.
    expect(network.receiversOf(`gearshift.${CLUSTER_NAME}.worker.w0.push`)).toEqual([]);
  });

  it('share the connection of a transport that has no other one', async () => {
    const network = new InMemoryNetwork();
    const plain = (name: string): ClusterTransport => {
      const { openBeside: _, ...transport } = countBytes(network.connect(name)).transport;
      return transport;
    };
    const worker = await createClusterWorker({
      transport: plain('w0'),
      name: CLUSTER_NAME,
      worker: 'w0',
      backend: await sharedCpu(),
    });
    const backend = unwrap(await createClusterBackend({ transport: plain('c0'), name: CLUSTER_NAME }));
    unwrap(await backend.topK(request, createTopKOutput(request)));
    await backend.close();
    await worker.close();
  });

  it('do not hold up messages of the other connection, however long they take', async () => {
    const clock = new ManualClock();
    const network = new InMemoryNetwork({ clock });
    const [from, to] = [network.connect('from'), network.connect('to')];
    const [bulkFrom, bulkTo] = [await from.openBeside?.(), await to.openBeside?.()];
    const seen: string[] = [];
    to.watch('query', {}, () => void seen.push('query'));
    bulkTo?.watch('push', {}, () => void seen.push('push'));
    network.setLink('to', { delayMs: 5000 });
    bulkFrom?.send('push', new Uint8Array(1000));
    network.setLink('to', { delayMs: 1 });
    from.send('query', new Uint8Array(1));
    await clock.advance(10);
    expect(seen).toEqual(['query']);
    await clock.advance(5000);
    expect(seen).toEqual(['query', 'push']);
    // One process: both connections end together.
    network.kill('to');
    from.send('query', new Uint8Array(1));
    bulkFrom?.send('push', new Uint8Array(1));
    await clock.advance(10);
    expect(seen).toHaveLength(2);
    expect(bulkTo?.connected).toBe(false);
  });

  it('take no more of a second than is allowed', async () => {
    const clock = new ManualClock();
    const cluster = await startCluster({ workers: 1, clock, backend: { pushBytesPerSecond: 1_000_000 } });
    const startedAtMs = clock.nowMs();
    unwrap(await clock.advanceUntil(cluster.backend.makeResident(matrix)));
    const tookMs = clock.nowMs() - startedAtMs;
    // The first piece leaves at once.
    expect(tookMs).toBeGreaterThan(((BYTES - 2 ** 18) / 1_000_000) * 1000 - 50);
    expect(tookMs).toBeLessThan((BYTES / 1_000_000) * 1000 + 50);
    // An abort ends the wait.
    const other = createMatrix(randomValues(ROWS * DIMENSIONS, 6), { dimensions: DIMENSIONS });
    const controller = new AbortController();
    const resident = cluster.backend.makeResident(other, controller.signal);
    await clock.advance(50);
    controller.abort();
    const beforeMs = clock.nowMs();
    const answer = await clock.advanceUntil(resident);
    expect(answer.ok ? 'ok' : answer.error.kind).toBe('aborted');
    expect(clock.nowMs() - beforeMs).toBeLessThan(10);
    await cluster.close();
  });

  it('at a rate that is none are refused', async () => {
    const transport = new InMemoryNetwork().connect('c0');
    const starting = createClusterBackend({ transport, name: CLUSTER_NAME, pushBytesPerSecond: 0 });
    await expect(starting).rejects.toThrow(/^pushBytesPerSecond: expected .* got 0/);
  });
});
