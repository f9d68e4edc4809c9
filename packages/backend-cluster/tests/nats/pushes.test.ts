import { createTopKOutput, prepareTopK, unwrap } from '@gearshift/contracts';
import { createPartyKey, startNatsServer } from '@gearshift/nats-server';
import { randomValues } from '@gearshift/testing';
import { createClusterBackend, createClusterWorker, natsPermissions } from '@gearshift/backend-cluster';
import { describe, expect, onTestFinished, test } from 'vitest';
import { DIMENSIONS, someMatrix } from '../ask-cluster.js';
import { countBytes } from '../count-bytes.js';
import { sharedCpu } from '../start-cluster.js';
import { connectNats } from '../../src/transport/nats/connect-nats.js';
import { lacksServer, needs, startSetting } from './server.js';

describe.skipIf(lacksServer)(`pushes over NATS${needs}`, () => {
  test('go over connections of their own, so that no byte of a large upload is before a query', async () => {
    await using setting = await startSetting();
    const [toWorker, toCoordinator] = [countBytes(await setting.connect()), countBytes(await setting.connect())];
    const common = { name: 'test', worker: 'w0', backend: await sharedCpu(), maxBytes: 2 ** 28 };
    const worker = await createClusterWorker({ transport: toWorker.transport, ...common });
    const options = { transport: toCoordinator.transport, name: 'test', discoverMs: 10_000 };
    const cluster = unwrap(await createClusterBackend(options));
    try {
      const [small, large] = [someMatrix(64), someMatrix(400_000)];
      const request = prepareTopK({ operation: 'top-k', query: randomValues(DIMENSIONS, 1), matrix: small, k: 3 });
      unwrap(await cluster.topK(request, createTopKOutput(request)));
      let [isPushing, queries] = [true, 0];
      const pushing = cluster.makeResident(large).finally(() => (isPushing = false));
      for (; isPushing; queries++) unwrap(await cluster.topK(request, createTopKOutput(request)));
      unwrap(await pushing);
      expect(queries).toBeGreaterThan(0);
      const bytes = large.values.byteLength;
      expect(toCoordinator.counts.beside.sent).toBeGreaterThan(bytes);
      expect(toWorker.counts.beside.received).toBeGreaterThan(bytes);
      // Queries and orders alone: none of them has a kilobyte.
      expect(toCoordinator.counts.main.sent).toBeLessThan(1000 * (queries + 10));
      expect(toWorker.counts.main.received).toBeLessThan(1000 * (queries + 10));
    } finally {
      await cluster.close();
      await worker.close();
    }
  });
});

describe.skipIf(lacksServer)(`a party without the permissions of its role${needs}`, () => {
  test('is refused at its creation, with the subject that it may not watch', async () => {
    const [coordinator, worker] = [createPartyKey(), createPartyKey()];
    const config = natsPermissions({
      name: 'test',
      coordinators: [coordinator.publicKey],
      workers: [{ name: 'w0', publicKey: worker.publicKey }],
    });
    await using server = await startNatsServer({ config });
    const warnings: string[] = [];
    const listen = ({ message }: Error) => void warnings.push(message);
    process.on('warning', listen);
    onTestFinished(() => void process.off('warning', listen));
    const as = ({ seed }: typeof coordinator) => {
      return { servers: server.url, name: 'test', tls: false, credentials: { nkeySeed: seed } } as const;
    };
    const refusal = { problem: 'permissions', reason: 'denied' };
    await expect(createClusterBackend(as(worker))).rejects.toMatchObject({
      ...refusal,
      message: expect.stringContaining('watch gearshift.test.state.*'),
    });
    const common = { backend: await sharedCpu(), maxBytes: 2 ** 20 };
    await expect(createClusterWorker({ ...as(coordinator), worker: 'w0', ...common })).rejects.toMatchObject(refusal);
    // The key of another worker.
    await expect(createClusterWorker({ ...as(worker), worker: 'w1', ...common })).rejects.toMatchObject(refusal);
    const right = await createClusterWorker({ ...as(worker), worker: 'w0', ...common });
    await right.close();
    const transport = await connectNats(as(coordinator));
    await transport.confirmWatches?.();
    await transport.close();
  });
});
