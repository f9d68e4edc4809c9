import { createCpuBackend } from '@gearshift/backend-cpu';
import { createClusterBackend } from '@gearshift/backend-cluster';
import { unwrap, type Backend } from '@gearshift/contracts';
import { effort, seedOr, tellCount } from '@gearshift/vitest-config/effort';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BOUND_MS } from '../chaos/asker.js';
import { EVENTS, EVENTS_OF_THREE } from '../chaos/events.js';
import { runChaos, type ChaosOptions } from '../chaos/run-chaos.js';
import { lacksServer, needs } from './server.js';

const ENTRY = import.meta.resolve('@gearshift/backend-cluster');
const QUERIES = effort({ test: 500, ci: 80_000, nightly: 400_000 });
const QUERIES_OF_THREE = effort({ test: 300, ci: 22_000, nightly: 110_000 });
const LONGEST_MS = effort({ test: 150, ci: 1500 });
const SEED = seedOr(2026);

describe.skipIf(lacksServer)(`a cluster on a real server under chaos, seed ${SEED}${needs}`, () => {
  let cpu: Backend;
  beforeAll(async () => {
    cpu = unwrap(await createCpuBackend({ threads: 1 }));
  });
  afterAll(() => cpu.close());

  const run = async (options: Pick<ChaosOptions, 'servers' | 'queries' | 'events'>) => {
    const tested = { entry: ENTRY, createClusterBackend };
    const report = await runChaos({ tested, cpu, seed: SEED, longestMs: LONGEST_MS, boundMs: BOUND_MS, ...options });
    const context = `seed ${SEED}: ${JSON.stringify(report)}`;
    expect(report.violations, context).toEqual([]);
    expect(report.queries, context).toBeGreaterThanOrEqual(options.queries);
    expect(Object.keys(report.events).toSorted(), context).toEqual(Object.keys(options.events).toSorted());
    expect(report.right, context).toBeGreaterThan(report.queries / 2);
    if (process.env['GEARSHIFT_CHAOS_REPORT'] !== undefined) process.stderr.write(`${context}\n`);
    tellCount('R23', report.queries);
  };

  test(
    `answers ${QUERIES} queries rightly or with a typed error, and leaves nothing behind`,
    { timeout: 7_200_000 },
    () => run({ servers: 1, queries: QUERIES, events: EVENTS }),
  );

  test(`answers ${QUERIES_OF_THREE} queries so while one of three servers is lost`, { timeout: 7_200_000 }, () =>
    run({ servers: 3, queries: QUERIES_OF_THREE, events: EVENTS_OF_THREE }),
  );
});
