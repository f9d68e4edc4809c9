import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CHARTS } from '../src/charts.mjs';
import { CONSTANTS_TITLE, readConstants } from '../src/cluster/constants.mjs';
import { limitsPage } from '../src/cluster/limits-page.mjs';
import { simulateOneMachine } from '../src/cluster/simulate-one-machine.mjs';
import { simulate } from '../src/cluster/simulate.mjs';

const RESULTS = new URL('../../../docs/benchmarks/', import.meta.url);
const results = readdirSync(RESULTS)
  .filter((name) => /^cluster\.\w+\.json$/.test(name))
  .map((name) => JSON.parse(readFileSync(new URL(name, RESULTS), 'utf8')));

/** Every shard takes as long as every other. */
const STEADY = {
  coordinatorUs: 100,
  coordinatorShardUs: 10,
  workerUs: 200,
  workerShardUs: 50,
  serverShardUs: 20,
  oneShardUs: [0.01, 0.5, 0.999].map((share) => ({ share, us: 430 })),
};
const UNEVEN = {
  ...STEADY,
  oneShardUs: [
    { share: 0.01, us: 400 },
    { share: 0.5, us: 430 },
    { share: 0.99, us: 1000 },
    { share: 0.999, us: 2000 },
  ],
};

describe('the simulation of a cluster', () => {
  it('takes for one shard what one shard was measured to take', () => {
    const { p50Ms, p99Ms } = simulate(STEADY, { shards: 1 });
    expect([p50Ms, p99Ms]).toEqual([expect.closeTo(0.43, 9), expect.closeTo(0.43, 9)]);
  });

  it('takes longer by what the coordinator does for each further shard, when the server is faster', () => {
    for (const shards of [4, 64, 1000]) {
      // The answers come one after the other, each 20 us after the one before; or wait for the coordinator.
      const quick = simulate({ ...STEADY, serverShardUs: 0 }, { shards }).p50Ms;
      expect(quick - 0.43).toBeCloseTo((shards - 1) * 0.01, 6);
    }
  });

  it('is that of one machine with a core for each process, besides the server, which has one thread there', () => {
    const free = { ...STEADY, serverShardUs: 0 };
    for (const shards of [1, 4, 64]) {
      const machine = { shards, cores: Infinity, workers: shards };
      expect(simulate(free, { shards }).p50Ms).toBeCloseTo(simulateOneMachine(free, machine), 9);
      const [two, cores] = [simulate(STEADY, { shards }).p50Ms, simulateOneMachine(STEADY, machine)];
      expect(two).toBeLessThanOrEqual(cores + 1e-9);
      expect(simulateOneMachine(STEADY, { ...machine, cores: 1 })).toBeGreaterThanOrEqual(cores);
    }
  });

  it('counts all work when there is one core', () => {
    const work = 100 + 8 * (10 + 20) + 4 * (200 + 50);
    const tookMs = simulateOneMachine(STEADY, { shards: 8, cores: 1, workers: 4 });
    expect(1000 * tookMs).toBeGreaterThanOrEqual(work);
    expect(1000 * tookMs).toBeLessThanOrEqual(work + 430);
  });

  it('waits for the slowest of many shards, unless they are asked again', () => {
    const stragglers = { share: 0.01, ms: 50 };
    const plain = simulate(UNEVEN, { shards: 16 });
    const late = simulate(UNEVEN, { shards: 16, stragglers });
    const hedged = simulate(UNEVEN, { shards: 16, stragglers, hedges: true });
    expect(plain.p99Ms).toBeLessThan(5);
    expect(late.p99Ms).toBeGreaterThan(50);
    expect(hedged.p99Ms).toBeLessThan(10);
    expect([plain.hedges, late.hedges]).toEqual([0, 0]);
    // One shard of a hundred is late.
    expect(hedged.hedges).toBeCloseTo(0.16, 1);
  });

  it('gains by mergers only where there are very many shards', () => {
    const of = (shards: number, mergers: boolean) => simulate(STEADY, { shards, mergers }).p50Ms;
    expect(of(4, true)).toBeGreaterThan(of(4, false));
    expect(of(1000, true)).toBeLessThan(of(1000, false));
  });

  it('gives the same figures each time', () => {
    expect(simulate(UNEVEN, { shards: 64, hedges: true })).toEqual(simulate(UNEVEN, { shards: 64, hedges: true }));
  });
});

describe('the page and the chart of a cluster', () => {
  it('show the figures of every result that is committed', () => {
    expect(results.length).toBeGreaterThan(0);
    const page = limitsPage(results);
    for (const { goals, tables } of results) {
      for (const { target } of goals) expect(page).toContain(target.replaceAll('<', '&lt;'));
      const [chart] = CHARTS['cluster'](tables);
      expect(chart.groups.map(({ name }) => name)).toEqual([4, 16, 64, 256, 1000].map((shards) => `${shards} shards`));
    }
  });

  it('come from constants that are work, in every result that is committed', () => {
    for (const { tables } of results) {
      const constants = readConstants(tables);
      for (const name of ['coordinatorShardUs', 'workerUs', 'serverShardUs'] as const) {
        expect(constants[name], name).toBeGreaterThan(0);
      }
    }
  });

  it('follow the constants of the result', () => {
    const [{ tables }] = results;
    const slower = tables.map((table: { title: string; rows: [string, number][] }) => {
      if (table.title !== CONSTANTS_TITLE) return table;
      return { ...table, rows: table.rows.map(([name, us]) => [name, 10 * us]) };
    });
    expect(readConstants(slower).coordinatorUs).toBe(10 * readConstants(tables).coordinatorUs);
    const p50 = (given: typeof tables) => CHARTS['cluster'](given)[0].groups[0].bars[0].value;
    expect(p50(slower)).toBeGreaterThan(5 * p50(tables));
  });
});
