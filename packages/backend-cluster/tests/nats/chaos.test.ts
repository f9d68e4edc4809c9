import { readFileSync } from 'node:fs';
import { createCpuBackend } from '@gearshift/backend-cpu';
import { createClusterBackend } from '@gearshift/backend-cluster';
import { unwrap, type Backend } from '@gearshift/contracts';
import { createRandom } from '@gearshift/testing';
import { effort, seedOr, tellCount, tellFigure, tier } from '@gearshift/vitest-config/effort';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BOUND_MS } from '../chaos/asker.js';
import { EVENTS, EVENTS_OF_THREE } from '../chaos/events.js';
import { runChaos, type ChaosOptions } from '../chaos/run-chaos.js';
import { lacksServer, needs } from './server.js';

const ENTRY = import.meta.resolve('@gearshift/backend-cluster');
const QUERIES = effort({ test: 400, ci: 80_000, nightly: 400_000 });
const QUERIES_OF_THREE = effort({ test: 200, ci: 22_000, nightly: 110_000 });
const LONGEST_MS = effort({ test: 150, ci: 1500 });
const SEED = seedOr(2026);

/** Of the table of errors. */
const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const DOCUMENTED_KINDS = [...README.slice(README.indexOf('## Errors')).matchAll(/^\| `([a-z-]+)` /gm)].map(
  ([, kind]) => kind,
);

/** All of them, or in a short run a few that the seed chooses. */
function drawEvents(events: ChaosOptions['events'], most: number): ChaosOptions['events'] {
  const random = createRandom(SEED);
  const ranked = Object.entries(events).map((entry) => ({ entry, rank: random.next() }));
  const chosen = ranked.sort((a, b) => a.rank - b.rank).slice(0, effort({ test: most, ci: Infinity }));
  return Object.fromEntries(chosen.map(({ entry }) => entry));
}

/** Sockets and processes that keep this one alive. */
const openResources = (): number =>
  process.getActiveResourcesInfo().filter((name) => name.startsWith('TCP') || name === 'ProcessWrap').length;

describe.skipIf(lacksServer)(`a cluster on a real server under chaos, seed ${SEED}${needs}`, () => {
  let cpu: Backend;
  beforeAll(async () => {
    cpu = unwrap(await createCpuBackend({ threads: 1 }));
  });
  afterAll(() => cpu.close());

  const run = async (options: Pick<ChaosOptions, 'servers' | 'queries' | 'events'>) => {
    const tested = { entry: ENTRY, createClusterBackend };
    const before = openResources();
    const report = await runChaos({ tested, cpu, seed: SEED, longestMs: LONGEST_MS, boundMs: BOUND_MS, ...options });
    const context = `seed ${SEED}: ${JSON.stringify(report)}`;
    expect(report.violations, context).toEqual([]);
    expect(report.queries, context).toBeGreaterThanOrEqual(options.queries);
    expect(Object.keys(report.events).toSorted(), context).toEqual(Object.keys(options.events).toSorted());
    const failures = Object.keys(report.outcomes).filter((outcome) => outcome !== 'right');
    expect(DOCUMENTED_KINDS, context).toEqual(expect.arrayContaining(failures));
    expect(report.right, context).toBeGreaterThan(0);
    if (tier() !== 'test' && tier() !== 'mutation') {
      expect(report.right, context).toBeGreaterThan(report.queries / 2);
      // Both holders of a shard are lost only now and then.
      if (options.servers === 1) expect(report.rare.partial, context).toBeGreaterThan(0);
    }
    await expect.poll(openResources, { timeout: 30_000 }).toBeLessThanOrEqual(before);
    tellCount('R23', report.queries);
    const where = options.servers === 1 ? 'one server' : 'three servers';
    for (const [outcome, count] of Object.entries(report.outcomes))
      tellFigure('R23', `queries on ${where}, ${outcome}`, count);
    tellFigure('R23', `partial answers on ${where}`, report.rare.partial);
    tellFigure('R23', `slowest query on ${where}, ms`, report.slowestMs);
  };

  test(
    `answers ${QUERIES} queries rightly or with a typed error, and leaves nothing behind`,
    { timeout: 7_200_000 },
    () => run({ servers: 1, queries: QUERIES, events: drawEvents(EVENTS, 5) }),
  );

  test(`answers ${QUERIES_OF_THREE} queries so while one of three servers is lost`, { timeout: 7_200_000 }, () =>
    run({ servers: 3, queries: QUERIES_OF_THREE, events: drawEvents(EVENTS_OF_THREE, 2) }),
  );
});
