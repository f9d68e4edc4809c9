import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createCpuBackend } from '@gearshift/backend-cpu';
import { createTopKOutput, prepareTopK, unwrap, type Backend, type VectorMatrix } from '@gearshift/contracts';
import { startNatsServer, type NatsServer } from '@gearshift/nats-server';
import { randomValues } from '@gearshift/testing';
import { createClusterBackend, type ClusterBackend } from '@gearshift/backend-cluster';
import { describe, expect, test } from 'vitest';
import { DIMENSIONS, someMatrix } from '../ask-cluster.js';
import { lacksServer, needs, until } from './server.js';

const SCRIPT = fileURLToPath(new URL('../fixtures/cluster-worker.mjs', import.meta.url));

async function startWorker(server: NatsServer, name: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [SCRIPT, server.url, name], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return child;
}

/** @returns whether the answer has the rows and bits of one CPU */
async function isRight(cluster: ClusterBackend, cpu: Backend, matrix: VectorMatrix, seed: number): Promise<boolean> {
  const query = randomValues(DIMENSIONS, seed);
  const request = prepareTopK({ operation: 'top-k', query, matrix, k: 20 });
  const [output, expected] = [createTopKOutput(request), createTopKOutput(request)];
  unwrap(await cluster.topK(request, output));
  unwrap(await cpu.topK(request, expected));
  expect([...output.indices]).toEqual([...expected.indices]);
  expect([...output.scores]).toEqual([...expected.scores]);
  return true;
}

describe.skipIf(lacksServer)(`copies of shards over NATS${needs}`, () => {
  test('are made again after each kill -9, so that no second one costs an answer, and before a worker leaves', async () => {
    await using server = await startNatsServer();
    const names = ['w0', 'w1', 'w2', 'w3'];
    const children = await Promise.all(names.map((name) => startWorker(server, name)));
    const cpu = unwrap(await createCpuBackend());
    const options = { servers: server.url, tls: false, name: 'test', leastWorkers: 4, discoverMs: 10_000 } as const;
    const cluster = unwrap(await createClusterBackend({ ...options, repairAfterMs: 300 }));
    try {
      const matrix = someMatrix(4096);
      expect(await isRight(cluster, cpu, matrix, 1)).toBe(true);
      for (const [round, child] of children.slice(0, 2).entries()) {
        child.kill('SIGKILL');
        await once(child, 'exit');
        expect(await isRight(cluster, cpu, matrix, 2 + round)).toBe(true);
        await until(() => isWhole(cluster, 3 - round));
      }
      // Of two holders of every shard, one leaves in order. The other one is killed once it has everything.
      const [, , leaving, last] = children;
      leaving.kill('SIGTERM');
      await once(leaving, 'exit');
      expect(leaving.exitCode).toBe(0);
      for (let seed = 10; seed < 20; seed++) expect(await isRight(cluster, cpu, matrix, seed)).toBe(true);
      expect(last.exitCode).toBeNull();
    } finally {
      await cluster.close();
      await cpu.close();
      for (const child of children) child.kill('SIGKILL');
    }
  });
});

/** Whether every copy that there can be is there. */
function isWhole(cluster: ClusterBackend, workers: number): boolean {
  const { wanted, held, live } = cluster.copies;
  return live === workers && wanted > 0 && held === wanted;
}
