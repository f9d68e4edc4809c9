import { createMatrix } from '@gearshift/contracts';
import { createRandom, powerLawGraph } from '@gearshift/testing';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '@gearshift/backend-cluster';
import type { Announcement } from '../src/messages/announcement.js';
import { LatencyWindow } from '../src/placement/latency-window.js';
import { planShards } from '../src/placement/plan-shards.js';
import { chooseHolders, rankWorkers, shardsPerWorker } from '../src/placement/rendezvous.js';
import { STALE_AFTER_MS, WorkerDirectory } from '../src/placement/worker-directory.js';
import { moveBits } from '../src/row-bits.js';

const names = (count: number) => Array.from({ length: count }, (_, i) => `w${i}`);

describe('rendezvous hashing', () => {
  it('gives every shard different workers, and no worker more than its share', () => {
    for (const workers of [1, 2, 3, 7, 16]) {
      for (const replicas of [1, 2, 3]) {
        for (const shards of [1, workers, 3 * workers + 1]) {
          const chosen = chooseHolders('key', shards, names(workers), replicas);
          const loads = new Map<string, number>();
          expect(chosen).toHaveLength(shards);
          for (const holders of chosen) {
            expect(new Set(holders).size).toBe(Math.min(replicas, workers));
            for (const worker of holders) loads.set(worker, (loads.get(worker) ?? 0) + 1);
          }
          // The last shards may find only workers that have their share.
          expect(Math.max(...loads.values())).toBeLessThanOrEqual(shardsPerWorker(shards, workers, replicas) + 1);
        }
      }
    }
  });

  it('moves only the shards of a worker that leaves', () => {
    const before = names(10);
    const after = before.filter((name) => name !== 'w4');
    for (let shard = 0; shard < 200; shard++) {
      const ranked = rankWorkers('key', shard, before);
      expect(rankWorkers('key', shard, after)).toEqual(ranked.filter((name) => name !== 'w4'));
    }
    const first = names(10).map(
      (name) =>
        Array.from({ length: 1000 }, (_, shard) => rankWorkers('key', shard, before)[0]).filter((w) => w === name)
          .length,
    );
    for (const count of first) expect(count).toBeGreaterThan(60);
  });

  it('does not depend on the order of the workers', () => {
    expect(chooseHolders('key', 9, names(5).reverse(), 2)).toEqual(chooseHolders('key', 9, names(5), 2));
  });
});

describe('shards', () => {
  it('of a matrix follow each other, begin at whole words and are as many as there can be', () => {
    for (const rows of [0, 1, 31, 32, 33, 64, 1000, 12_345]) {
      const matrix = createMatrix(new Float32Array(rows * 2), { dimensions: 2 });
      for (const most of [1, 2, 3, 8, 100]) {
        const shards = planShards(matrix, 'key', 5, most);
        expect(shards.length).toBe(Math.min(most, Math.ceil(rows / 32)));
        let row = 0;
        for (const [i, shard] of shards.entries()) {
          expect(shard).toMatchObject({ shard: i, shards: shards.length, start: row, rows });
          expect(shard.start % 32).toBe(0);
          expect(shard.end).toBeGreaterThan(shard.start);
          row = shard.end;
        }
        expect(row).toBe(rows);
      }
    }
  });

  it('of a graph follow each other and share the edges evenly', () => {
    for (const nodes of [1, 5, 400]) {
      const graph = powerLawGraph({ nodes, edgesPerNode: 8, seed: nodes });
      for (const most of [1, 2, 4, 30]) {
        const shards = planShards(graph, 'key', 5, most);
        let node = 0;
        for (const shard of shards) {
          expect(shard.start).toBe(node);
          expect(shard.edges).toBe(graph.rowPointers[shard.end] - graph.rowPointers[shard.start]);
          node = shard.end;
        }
        expect(node).toBe(nodes);
        expect(shards.length).toBeLessThanOrEqual(most);
        if (nodes === 400 && most === 4) {
          const largest = Math.max(...shards.map(({ edges, start, end }) => edges + end - start));
          expect(largest).toBeLessThan((1.5 * (graph.columns.length + nodes)) / 4);
        }
      }
    }
  });
});

describe('a directory of workers', () => {
  const spec = planShards(createMatrix(new Float32Array(4), { dimensions: 2 }), 'key', 5, 1)[0];
  const said = (fields: Partial<Announcement>): Announcement => ({
    worker: 'w0',
    instance: 1,
    sequence: 1,
    profile: 'avx2 1.0.0',
    freeBytes: 10,
    maxBytes: 20,
    isDraining: false,
    underWay: 0,
    shards: [],
    ...fields,
  });

  it('forgets what a process held when another one has its name', async () => {
    const directory = new WorkerDirectory(new ManualClock());
    directory.hear(said({ shards: [spec] }));
    expect(directory.holders(spec)).toHaveLength(1);
    expect(directory.byInstance(1)?.worker).toBe('w0');
    directory.hear(said({ instance: 2 }));
    expect(directory.holders(spec)).toEqual([]);
    expect(directory.live).toHaveLength(1);
    expect(directory.byInstance(1)).toBeUndefined();
    expect(directory.byInstance(2)?.worker).toBe('w0');
    directory.forget('w0');
    expect(directory.byInstance(2)).toBeUndefined();
  });

  it('ignores announcements from before a shard was loaded', () => {
    const directory = new WorkerDirectory(new ManualClock());
    directory.hear(said({ sequence: 3 }));
    directory.noteHeld(directory.live[0], spec, 5);
    directory.hear(said({ sequence: 4 }));
    expect(directory.holders(spec)).toHaveLength(1);
    directory.hear(said({ sequence: 6 }));
    expect(directory.holders(spec)).toEqual([]);
  });

  it('does not ask workers that were silent for long, until they are heard again', async () => {
    const clock = new ManualClock();
    const directory = new WorkerDirectory(clock);
    directory.hear(said({ shards: [spec] }));
    await clock.advance(STALE_AFTER_MS);
    expect(directory.holders(spec)).toEqual([]);
    expect(directory.areHeld([spec])).toBe(false);
    expect(directory.everyHolder(spec)).toHaveLength(1);
    directory.hear(said({ sequence: 2, shards: [spec] }));
    expect(directory.holders(spec)).toHaveLength(1);
    directory.forget('w0');
    expect(directory.live).toEqual([]);
    expect(directory.everyHolder(spec)).toHaveLength(0);
  });
});

describe('a window of latencies', () => {
  it('gives the 95th percentile of the last ones, and none of a few', () => {
    const window = new LatencyWindow();
    for (let i = 1; i <= 7; i++) window.add(i);
    expect(window.p95()).toBeNaN();
    window.add(8);
    expect(window.p95()).toBe(8);
    for (let i = 1; i <= 100; i++) window.add(i);
    // Of 37 to 100.
    expect(window.p95()).toBe(97);
  });
});

describe('bits of a row set', () => {
  it('are moved to any place', () => {
    const random = createRandom(8);
    for (let round = 0; round < 500; round++) {
      const first = random.integer(70);
      const rows = Array.from({ length: 200 }, () => random.integer(2) === 1);
      const words = new Uint32Array(7);
      rows.forEach((isIn, i) => isIn && (words[i >>> 5] |= 1 << (i & 31)));
      const start = first + random.integer(200);
      const end = start + random.integer(first + 200 - start + 1);
      const newFirst = start - random.integer(Math.min(start, 50) + 1);
      const moved = moveBits(words, first, start, end, newFirst, end - newFirst);
      for (let row = newFirst; row < end; row++) {
        const isSet = ((moved[(row - newFirst) >>> 5] >>> ((row - newFirst) & 31)) & 1) === 1;
        expect(isSet).toBe(row >= start && rows[row - first]);
      }
    }
  });
});
