import { expect, onTestFinished } from 'vitest';
import type { Backend } from '@gearshift/contracts';
import { askCluster, someMatrix } from './ask-cluster.js';
import { SettledClock } from './settled-clock.js';
import { startCluster, type StartOptions, type TestCluster } from './start-cluster.js';

const LINK = { delayMs: 1 };

/** Four workers on a clock that tests move, until the end of the test. */
export async function beginCluster(options: Partial<StartOptions> = {}) {
  const clock = new SettledClock();
  const started = await startCluster({ workers: 4, clock, ...options });
  onTestFinished(() => started.close());
  for (const { name } of started.workers) started.network.setLink(name, LINK);
  const matrix = someMatrix();
  const ask = (of = matrix, by: Backend = started.backend, signal?: AbortSignal) => askCluster(clock, by, of, signal);
  /** So that the latencies of every shard are known. */
  const warmUp = async () => {
    for (let i = 0; i < 20; i++) expect((await ask()).outcome).toBe('right');
  };
  return { ...started, clock, matrix, ask, warmUp };
}

/** Names of the workers that hold a shard. */
export const holdersOf = (workers: TestCluster['workers'], shard: number) =>
  workers.filter((worker) => worker.describe().shards.some((spec) => spec.shard === shard)).map(({ name }) => name);
