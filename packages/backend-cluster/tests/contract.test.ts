import { afterEach } from 'vitest';
import { describeBackendContract } from '@gearshift/testing/vitest';
import { startCluster, type TestCluster } from './start-cluster.js';

let cluster: TestCluster | undefined;
afterEach(async () => {
  await cluster?.close();
  cluster = undefined;
});

for (const workers of [1, 2, 4]) {
  describeBackendContract(`a cluster of ${workers} on an in-memory network`, async () => {
    cluster = await startCluster({ workers });
    return cluster.backend;
  });
}
