import { expect, onTestFinished, test } from 'vitest';
import { ListeningTime } from '../src/placement/listening-time.js';
import { createClusterBackend, InMemoryNetwork, ManualClock } from '@gearshift/backend-cluster';
import { askCluster, someMatrix } from './ask-cluster.js';
import { JumpingClock } from './jumping-clock.js';
import { startCluster } from './start-cluster.js';

test('the time passes as the clock does, but hardly while the process stands still', async () => {
  const clock = new JumpingClock();
  const time = new ListeningTime(clock);
  await clock.advance(12_345);
  expect(time.nowMs()).toBe(12_345);
  clock.jumpedMs = 60_000;
  expect(time.nowMs()).toBe(12_345 + 655);
  await clock.advance(5000);
  expect(time.nowMs()).toBeLessThanOrEqual(12_345 + 655 + 5000);
  expect(time.nowMs()).toBeGreaterThanOrEqual(12_345 + 5000);
  time.stop();
  await clock.advance(5000);
  expect(time.nowMs()).toBeLessThanOrEqual(12_345 + 655 + 5000 + 1000);
});

test('a coordinator that stood still asks the workers that it knows, and brings them no shard anew', async () => {
  const clock = new JumpingClock();
  const { backend, workers, close } = await startCluster({ workers: 2, clock });
  onTestFinished(close);
  const matrix = someMatrix();
  expect((await askCluster(clock, backend, matrix)).outcome).toBe('right');
  const held = () => workers.map((worker) => worker.describe().shards.map(({ generation }) => generation));
  const before = held();
  for (let jump = 0; jump < 3; jump++) {
    clock.jumpedMs += 60_000;
    expect((await askCluster(clock, backend, matrix)).outcome).toBe('right');
    expect(held()).toEqual(before);
  }
});

test('a backend that could not be made leaves no timer, which would keep the process alive', async () => {
  const clock = new ManualClock();
  const timers = new Set<object>();
  const counting = {
    nowMs: () => clock.nowMs(),
    startTimer() {
      const timer = {};
      timers.add(timer);
      return () => void timers.delete(timer);
    },
  };
  const transport = new InMemoryNetwork().connect('c0');
  await transport.close();
  const creating = createClusterBackend({ transport, name: 'test', clock: counting, discoverMs: 0 });
  await expect(creating).rejects.toThrow('the connection is closed');
  expect(timers.size).toBe(0);
});
