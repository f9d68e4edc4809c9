import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { saveMatrix, StoredMatrix } from '@gearshift/storage';
import { randomValues } from '@gearshift/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { askCluster, someMatrix } from './ask-cluster.js';
import { SettledClock } from './settled-clock.js';
import { startBackend, startCluster, type TestCluster } from './start-cluster.js';

const FILE = { files: 'rows', rows: 400, dimensions: 8 };

/** Until a worker is known to be lost: three announcements, and two looks. */
const LOST_AFTER_MS = 5500;

let folder: string;
let clock: SettledClock;
let cluster: TestCluster;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gearshift-loads-'));
  const stored = StoredMatrix.create(FILE.rows, { dimensions: FILE.dimensions }, (values) =>
    values.set(randomValues(values.length, 1)),
  );
  await saveMatrix(stored, join(folder, FILE.files));
  await stored[Symbol.asyncDispose]();
  clock = new SettledClock();
  cluster = await startCluster({ workers: 4, clock, worker: { dataRoot: folder } });
});

afterEach(async () => {
  await cluster.close();
  await rm(folder, { recursive: true });
});

/** Places the file, and lets something happen while the orders are on their way. */
async function placeWhile(happens: () => void) {
  const { network, backend, workers } = cluster;
  for (const { name } of workers) network.setLink(name, { delayMs: 20 });
  const startedAtMs = clock.nowMs();
  const placing = backend.placed.place('corpus', FILE);
  await clock.advance(5);
  happens();
  const placed = await clock.advanceUntil(placing);
  return { placed, tookMs: clock.nowMs() - startedAtMs };
}

describe('a file is placed within seconds', () => {
  it.each(['kill', 'pause'] as const)('when a worker gets the order and then no more: %s', async (loss) => {
    const { placed, tookMs } = await placeWhile(() => cluster.network[loss]('w1'));
    expect(placed.ok).toBe(true);
    expect(tookMs).toBeLessThan(LOST_AFTER_MS);
  });

  it('when a worker begins to leave while the order is on its way', async () => {
    let left: Promise<void> | undefined;
    const { placed } = await placeWhile(() => {
      left = cluster.workers[1].drain();
    });
    expect(placed.ok).toBe(true);
    await clock.advanceUntil(left ?? expect.fail());
  });

  it('when the order to a worker is lost', async () => {
    const { placed, tookMs } = await placeWhile(() => {
      cluster.network.separate(['c0'], ['w1']);
      clock.startTimer(100, () => cluster.network.heal());
    });
    expect(placed.ok).toBe(true);
    expect(tookMs).toBeLessThan(11_000);
    // The order was repeated, so that no copy is missing.
    await clock.advance(100);
    const held = cluster.workers.flatMap((worker) => worker.describe().shards);
    expect(held.length).toBe(2 * held[0].shards);
  });
});

describe('a request gets its operand to the workers within seconds', () => {
  it.each(['kill', 'pause'] as const)('when a worker gets half of its rows: %s', async (loss) => {
    const { network, backend, workers } = cluster;
    for (const { name } of workers) network.setLink(name, { delayMs: 20 });
    const asked = askCluster(clock, backend, someMatrix(400));
    // The orders are answered, and the rows on their way.
    await clock.advance(50);
    network[loss]('w1');
    const { outcome, tookMs } = await asked;
    expect(outcome).toBe('right');
    expect(tookMs).toBeLessThan(LOST_AFTER_MS);
  });
});

describe('an operand of this process is placed on others', () => {
  it('when its only workers begin to leave while they get it', async () => {
    const { network, workers } = cluster;
    const backend = await startBackend(
      network,
      'c1',
      { id: 'cluster:1', replicas: 1, shards: 1, leastWorkers: 4 },
      clock,
    );
    for (const { name } of workers) network.setLink(name, { delayMs: 20 });
    const matrix = someMatrix(400);
    const asked = askCluster(clock, backend, matrix);
    await clock.advance(5);
    // All but one, whichever was chosen.
    const left = workers.slice(0, 3).map((worker) => worker.drain());
    expect(await asked).toMatchObject({ outcome: 'right' });
    await clock.advanceUntil(Promise.all(left));
    await clock.advanceUntil(backend.close());
  });
});
