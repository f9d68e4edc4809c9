import { expect, test } from 'vitest';
import { describeCluster } from '../src/cluster/describe-cluster.js';
import type { ListedWorker } from '../src/cluster/list-workers.js';
import { formatClusterReport } from '../src/output/format-cluster.js';

function workerOf(worker: string, shards: readonly number[], isDraining = false): ListedWorker {
  return {
    ...{ worker, isDraining, profile: 'avx2 1.0', freeBytes: 2 ** 20, maxBytes: 2 ** 20, underWay: 0 },
    shards: shards.map((shard) => ({
      ...{ key: 'n-corpus', generation: 7, shard, shards: 2, rows: 64 },
      ...{ start: 32 * shard, end: 32 * shard + 32, copies: 2 },
    })),
  };
}

test('a cluster that lacks copies says how many there are and how many are wanted', () => {
  const lacking = describeCluster('corpus', [workerOf('w1', [0, 1]), workerOf('w2', [1]), workerOf('w3', [])]);
  expect(lacking.matrices).toMatchObject([{ fewestReplicas: 1, wantedReplicas: 2, missingShards: [] }]);
  expect(lacking.problems).toEqual([
    'n-corpus, generation 7: some shards have 1 of 2 copies; a program that uses the cluster makes the others',
  ]);
  expect(formatClusterReport(lacking)).toContain('64 rows in 2 shards, at least 1 replica of each, 2 wanted\n');

  // A worker that leaves does not count, and with one worker there is no second copy to want.
  const leaving = describeCluster('corpus', [workerOf('w1', [0, 1]), workerOf('w2', [0, 1], true)]);
  expect(leaving.matrices).toMatchObject([{ fewestReplicas: 1, wantedReplicas: 1 }]);
  expect(leaving.problems).toEqual(['n-corpus, generation 7: some shards are held by one worker only']);

  const whole = describeCluster('corpus', [workerOf('w1', [0, 1]), workerOf('w2', [0, 1]), workerOf('w3', [])]);
  expect(whole.problems).toEqual([]);
  expect(formatClusterReport(whole)).toContain('at least 2 replicas of each\n');
});
