import { setTimeout as sleep } from 'node:timers/promises';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createTopKOutput, markChanged, prepareTopK, unwrap, type VectorMatrix } from '@gearshift/contracts';
import { saveMatrix, StoredMatrix } from '@gearshift/storage';
import { randomValues } from '@gearshift/testing';
import {
  CLUSTER_CHANNELS,
  createClusterWorker,
  type ClusterWorker,
  type CopiesEvent,
  type RepairEvent,
} from '@gearshift/backend-cluster';
import { collectOnce } from '@gearshift/vitest-config/collect-garbage';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { chooseHolders } from '../src/placement/rendezvous.js';
import { askCluster, DIMENSIONS, someMatrix } from './ask-cluster.js';
import { SettledClock } from './settled-clock.js';
import {
  CLUSTER_NAME,
  sharedCpu,
  startBackend,
  startCluster,
  type StartOptions,
  type TestCluster,
} from './start-cluster.js';

const GRACE_MS = 10_000;
/** Until a silent worker counts as lost, and its copies are made. */
const RESTORED_MS = GRACE_MS + 6000;

let cluster: TestCluster | undefined;
const later: ClusterWorker[] = [];
let clock = new SettledClock();
afterEach(async () => {
  await cluster?.close();
  for (const worker of later.splice(0)) await clock.advanceUntil(worker.close());
  cluster = undefined;
});

async function begin(options: Partial<StartOptions> = {}, matrix = someMatrix()) {
  clock = new SettledClock();
  cluster = await startCluster({ workers: 4, clock, ...options });
  // Rows that no variable keeps have no copies, and a test may not mention them again.
  onTestFinished(() => expect(matrix.rows).toBe(256));
  return { ...cluster, matrix };
}

/** Rows of which each of four workers gets two shards. For some ids, which are random, one worker gets three of them and another one. */
function evenMatrix(): VectorMatrix {
  const names = ['w0', 'w1', 'w2', 'w3'];
  for (;;) {
    const matrix = someMatrix();
    const holders = chooseHolders(`m${matrix.id.toString(36)}`, 4, names, 2).flat();
    if (names.every((name) => holders.filter((holder) => holder === name).length === 2)) return matrix;
  }
}

function listen<T>(name: string): T[] {
  const events: T[] = [];
  const add = (event: unknown) => void events.push(event as T);
  subscribe(name, add);
  onTestFinished(() => void unsubscribe(name, add));
  return events;
}

async function startWorker(name: string, options: object = {}): Promise<ClusterWorker> {
  const common = { name: CLUSTER_NAME, worker: name, backend: await sharedCpu(), clock, maxBytes: 2 ** 30 };
  const transport = cluster?.network.connect(name);
  const worker = await createClusterWorker({ transport, ...common, ...options });
  later.push(worker);
  return worker;
}

async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; !condition(); turn++) {
    if (turn > 2000) throw new Error('the condition does not hold');
    await clock.advance(100);
  }
}

/** The names of the workers with each shard, of those that were not killed. */
function holders(workers: readonly ClusterWorker[], killed: readonly string[] = []): string[][] {
  const byShard: string[][] = [];
  for (const worker of workers) {
    if (killed.includes(worker.name)) continue;
    for (const { shard } of worker.describe().shards) (byShard[shard] ??= []).push(worker.name);
  }
  return byShard;
}

const counts = (byShard: string[][]) => Array.from(byShard, (names) => new Set(names).size);
const isHeld = (workers: readonly ClusterWorker[], copies: number, killed: readonly string[]) =>
  JSON.stringify(counts(holders(workers, killed))) === JSON.stringify([copies, copies, copies, copies]);
const ask = (matrix: VectorMatrix, backend = cluster?.backend) =>
  backend === undefined ? expect.fail() : askCluster(clock, backend, matrix);

describe('copies of an operand', () => {
  it('are made again after a loss, so that the next loss costs nothing either', async () => {
    const repairs = listen<RepairEvent>(CLUSTER_CHANNELS.repair);
    const totals = listen<CopiesEvent>(CLUSTER_CHANNELS.copies);
    const { network, workers, matrix } = await begin();
    expect((await ask(matrix)).outcome).toBe('right');
    await clock.advance(1500);
    expect(totals.at(-1)).toEqual({ backend: 'cluster:0', wanted: 8, held: 8 });
    network.kill('w1');
    await clock.advance(GRACE_MS);
    // Not before the time for a restart is over.
    expect(repairs).toEqual([]);
    expect(totals.at(-1)?.held).toBeLessThan(8);
    await clock.advance(6000);
    expect(counts(holders(workers, ['w1']))).toEqual([2, 2, 2, 2]);
    expect(repairs.length).toBeGreaterThan(0);
    for (const event of repairs) expect(event).toMatchObject({ kind: 'matrix', cause: 'lost', outcome: 'success' });
    expect(totals.at(-1)).toEqual({ backend: 'cluster:0', wanted: 8, held: 8 });
    for (let i = 0; i < 5; i++) expect((await ask(matrix)).outcome).toBe('right');
    // A second and a third worker: every shard has another holder each time.
    network.kill('w2');
    expect((await ask(matrix)).outcome).toBe('right');
    await clock.advance(RESTORED_MS);
    expect(counts(holders(workers, ['w1', 'w2']))).toEqual([2, 2, 2, 2]);
    network.kill('w3');
    for (let i = 0; i < 5; i++) expect((await ask(matrix)).outcome).toBe('right');
  });

  it('are not made when a worker is away for less than the time of a restart', async () => {
    const repairs = listen<RepairEvent>(CLUSTER_CHANNELS.repair);
    const { network, matrix } = await begin();
    await ask(matrix);
    network.pause('w1');
    await clock.advance(GRACE_MS);
    network.resume('w1');
    await clock.advance(RESTORED_MS);
    expect(repairs).toEqual([]);
  });

  it('are given at once to a worker that was started anew', async () => {
    const { network, workers, matrix } = await begin();
    await ask(matrix);
    const had = workers[1].describe().shards.length;
    network.kill('w1');
    await clock.advance(500);
    const anew = await startWorker('w1');
    await clock.advance(2500);
    expect(had).toBeGreaterThan(0);
    expect(anew.describe().shards.length).toBe(had);
    for (let i = 0; i < 5; i++) expect((await ask(matrix)).outcome).toBe('right');
  });

  it('above the wanted number are dropped when a worker was cut off for long', async () => {
    const { network, workers, matrix } = await begin();
    await ask(matrix);
    network.separate(['c0'], ['w1']);
    await clock.advance(RESTORED_MS);
    expect(counts(holders(workers)).some((count) => count === 3)).toBe(true);
    network.heal();
    await clock.advance(RESTORED_MS);
    expect(counts(holders(workers))).toEqual([2, 2, 2, 2]);
    for (let i = 0; i < 5; i++) expect((await ask(matrix)).outcome).toBe('right');
  });

  it('are brought to no worker without room, and to none with another profile', async () => {
    const repairs = listen<RepairEvent>(CLUSTER_CHANNELS.repair);
    // Each worker has room for two shards of 2048 bytes, and holds two.
    const { network, workers, matrix } = await begin({ worker: { maxBytes: 5000 } }, evenMatrix());
    expect((await ask(matrix)).outcome).toBe('right');
    network.kill('w1');
    await clock.advance(RESTORED_MS);
    expect(repairs).toEqual([]);
    const cpu = await sharedCpu();
    const other = { ...cpu, describe: () => ({ ...cpu.describe(), version: '99.0.0' }) };
    const foreign = await startWorker('w8', { backend: Object.setPrototypeOf(other, cpu) as typeof cpu });
    await clock.advance(RESTORED_MS);
    expect(repairs).toEqual([]);
    expect(foreign.describe().shards).toEqual([]);
    const roomy = await startWorker('w9');
    await clock.advance(RESTORED_MS);
    expect(roomy.describe().shards.length).toBeGreaterThan(0);
    expect(counts(holders([...workers, roomy], ['w1']))).toEqual([2, 2, 2, 2]);
    expect(foreign.describe().shards).toEqual([]);
  });

  it('are not made of rows that no program can use any more', async () => {
    const repairs = listen<RepairEvent>(CLUSTER_CHANNELS.repair);
    const { network } = await begin();
    // In a call of its own, so that no variable keeps the matrix.
    const askOnce = async () => {
      const matrix = someMatrix(256, 5);
      expect((await ask(matrix)).outcome).toBe('right');
      return new WeakRef(matrix.values);
    };
    const values = await askOnce();
    const endMs = performance.now() + 30_000;
    while (values.deref() !== undefined && performance.now() < endMs) {
      await sleep(5);
      collectOnce();
    }
    expect(values.deref()).toBeUndefined();
    network.kill('w1');
    await clock.advance(RESTORED_MS);
    expect(repairs).toEqual([]);
  });

  it('never bring rows that changed meanwhile into an answer', async () => {
    const { network, matrix } = await begin();
    await ask(matrix);
    network.kill('w1');
    await clock.advance(GRACE_MS);
    matrix.values.set(someMatrix(256, 77).values);
    await clock.advance(6000);
    markChanged(matrix);
    for (let i = 0; i < 5; i++) expect((await ask(matrix)).outcome).toBe('right');
  });

  it('are not made when this is switched off', async () => {
    const repairs = listen<RepairEvent>(CLUSTER_CHANNELS.repair);
    const { network, matrix } = await begin({ backend: { repairAfterMs: Infinity } });
    await ask(matrix);
    network.kill('w1');
    await clock.advance(RESTORED_MS);
    expect(repairs).toEqual([]);
  });

  it('go to other workers before one leaves', async () => {
    const repairs = listen<RepairEvent>(CLUSTER_CHANNELS.repair);
    const { workers, matrix } = await begin({ backend: { replicas: 1 } });
    await ask(matrix);
    const draining = workers[2].drain();
    const answers = [];
    let hasLeft = false;
    void draining.then(() => (hasLeft = true));
    while (!hasLeft) {
      answers.push((await ask(matrix)).outcome);
      await clock.advance(50);
    }
    expect(new Set(answers)).toEqual(new Set(['right']));
    expect(counts(holders(workers, ['w2']))).toEqual([1, 1, 1, 1]);
    expect(repairs).toMatchObject([{ cause: 'leaving', outcome: 'success' }]);
    for (let i = 0; i < 5; i++) expect((await ask(matrix)).outcome).toBe('right');
  });

  it('do not keep a worker that leaves when there is no room, no coordinator, or it must hurry', async () => {
    const { workers, matrix, backend } = await begin({ backend: { replicas: 1 }, worker: { maxBytes: 2100 } });
    await ask(matrix);
    const startedAtMs = clock.nowMs();
    await clock.advanceUntil(workers[0].drain());
    expect(clock.nowMs() - startedAtMs).toBeLessThan(1000);
    const hurried = workers[1].drain();
    await clock.advanceUntil(Promise.all([workers[1].close(), hurried]));
    await clock.advanceUntil(backend.close());
    const beforeMs = clock.nowMs();
    await clock.advanceUntil(workers[2].drain());
    expect(clock.nowMs() - beforeMs).toBeLessThan(10);
  });
});

describe('copies of a file', () => {
  const ROWS = 256;
  async function beginWithFile(options: Partial<StartOptions> = {}) {
    const folder = await mkdtemp(join(tmpdir(), 'gearshift-copies-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const values = randomValues(ROWS * DIMENSIONS, 3);
    const stored = StoredMatrix.create(ROWS, { dimensions: DIMENSIONS }, (target) => target.set(values));
    await saveMatrix(stored, join(folder, 'rows'));
    await stored[Symbol.asyncDispose]();
    const started = await begin({ worker: { dataRoot: folder }, ...options });
    const file = { files: 'rows', rows: ROWS, dimensions: DIMENSIONS };
    const placed = unwrap(await clock.advanceUntil(started.backend.placed.place('corpus', file)));
    const query = values.subarray(0, DIMENSIONS);
    const rank = async (backend = started.backend) => {
      const found = backend.placed.find('corpus');
      if (found === undefined) return 'not found';
      const request = prepareTopK({ operation: 'top-k', matrix: found, query, k: 1 });
      const output = createTopKOutput(request);
      const answer = await clock.advanceUntil(backend.topK(request, output));
      return answer.ok ? [...output.indices] : answer.error.kind;
    };
    return { ...started, folder, placed, rank, file };
  }

  it('are made by a coordinator that only found the matrix, also when every holder of a shard is lost', async () => {
    const { network, workers, backend, rank } = await beginWithFile();
    const other = await startBackend(network, 'c1', { id: 'cluster:1', leastWorkers: 4 }, clock);
    onTestFinished(() => clock.advanceUntil(other.close()));
    await clock.advance(1500);
    await clock.advanceUntil(backend.close());
    network.kill('w0');
    await until(() => isHeld(workers, 2, ['w0']));
    expect(await rank(other)).toEqual([0]);
    // Two at once: some shards have no holder.
    network.kill('w1');
    network.kill('w2');
    await until(() => isHeld(workers, 1, ['w0', 'w1', 'w2']));
    await clock.advance(1100);
    expect(await rank(other)).toEqual([0]);
  });

  it('are made once by two coordinators', async () => {
    const repairs = listen<RepairEvent>(CLUSTER_CHANNELS.repair);
    const { network, workers } = await beginWithFile();
    const other = await startBackend(network, 'c1', { id: 'cluster:1', leastWorkers: 4 }, clock);
    onTestFinished(() => clock.advanceUntil(other.close()));
    const had = workers[3].describe().shards.length;
    network.kill('w3');
    await until(() => isHeld(workers, 2, ['w3']));
    // Both may have ordered each shard, from the same worker.
    expect(repairs.length).toBeGreaterThanOrEqual(had);
    const held = workers.slice(0, 3).map((worker) => worker.describe().shards.length);
    expect(held.reduce((sum, count) => sum + count, 0)).toBe(8);
  });

  it('are made again on workers that were all started anew, and not when the matrix was dropped', async () => {
    const { network, backend, folder, rank } = await beginWithFile();
    await clock.advance(1500);
    for (const name of ['w0', 'w1', 'w2', 'w3']) network.kill(name);
    await clock.advance(1000);
    const anew: ClusterWorker[] = [];
    for (const name of ['w0', 'w1', 'w2', 'w3']) anew.push(await startWorker(name, { dataRoot: folder }));
    const startedAtMs = clock.nowMs();
    await until(() => isHeld(anew, 2, []));
    expect(clock.nowMs() - startedAtMs).toBeLessThan(GRACE_MS);
    expect(await rank()).toEqual([0]);

    network.kill('w3');
    backend.placed.drop('corpus');
    await clock.advance(RESTORED_MS);
    expect(anew.slice(0, 3).flatMap((worker) => worker.describe().shards)).toEqual([]);
    expect(await rank()).toBe('not found');
  });

  it('are not made of a matrix that another coordinator dropped while a holder was away', async () => {
    const { network, workers } = await beginWithFile();
    const other = await startBackend(network, 'c1', { id: 'cluster:1', leastWorkers: 4 }, clock);
    onTestFinished(() => clock.advanceUntil(other.close()));
    await clock.advance(1500);
    network.kill('w0');
    await clock.advance(4000);
    other.placed.drop('corpus');
    await clock.advance(RESTORED_MS);
    expect(workers.slice(1).flatMap((worker) => worker.describe().shards)).toEqual([]);
  });
});
