import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createCpuBackend } from '@gearshift/backend-cpu';
import { createClusterBackend } from '@gearshift/backend-cluster';
import { unwrap, type Backend } from '@gearshift/contracts';
import { seedOr, tellCount, tier } from '@gearshift/vitest-config/effort';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEFECTS } from '../chaos/defects.js';
import { EVENTS, LYING } from '../chaos/events.js';
import { runChaos, type ChaosReport } from '../chaos/run-chaos.js';
import type { PackageUnderTest } from '../chaos/stage.js';
import { lacksServer, needs } from './server.js';

// Each defect is planted into a copy of the built package, and the chaos on a real server must find it.

const ENTRY = import.meta.resolve('@gearshift/backend-cluster');
const BUILT = dirname(fileURLToPath(ENTRY));
const ALL_EVENTS = { ...EVENTS, ...LYING };
const QUERIES = 2500;
const LONGEST_MS = 800;
/** An operand may be sent to workers that were killed, one after the other, each for ten seconds. */
const BOUND_MS = 45_000;
const PATIENCE_MS = 300_000;

describe('code that each defect replaces', () => {
  test.for(DEFECTS)('exists once for the defect: $what', ({ changes, events }) => {
    for (const { file, sound } of changes) {
      expect(readFileSync(join(BUILT, file), 'utf8').split(sound).length - 1, file).toBe(1);
    }
    expect(Object.keys(ALL_EVENTS)).toEqual(expect.arrayContaining([...events]));
  });
});

// Each run takes some seconds.
if (tier() !== 'test' && tier() !== 'mutation') {
  describe.skipIf(lacksServer)(`the chaos on a real server${needs}`, { timeout: PATIENCE_MS }, () => {
    let cpu: Backend;
    let folder: string;
    beforeAll(async () => {
      cpu = unwrap(await createCpuBackend({ threads: 1 }));
      // Below the package, where its dependencies are found.
      mkdirSync(join(BUILT, '../build'), { recursive: true });
      folder = mkdtempSync(join(BUILT, '../build/defects-'));
    });
    afterAll(async () => {
      await cpu.close();
      rmSync(folder, { recursive: true });
    });

    const run = (tested: PackageUnderTest, names: readonly string[], mostViolations: number): Promise<ChaosReport> => {
      const events = Object.fromEntries(names.map((name) => [name, ALL_EVENTS[name]]));
      const settings = { seed: seedOr(7), queries: QUERIES, longestMs: LONGEST_MS, boundMs: BOUND_MS };
      return runChaos({ tested, cpu, servers: 1, events, mostViolations, ...settings });
    };

    test('finds nothing without a defect', async () => {
      const names = [...new Set(DEFECTS.flatMap(({ events }) => events))];
      const report = await run({ entry: ENTRY, createClusterBackend }, names, 1);
      expect(report.violations).toEqual([]);
    });

    test.for(DEFECTS.map((defect, i) => ({ ...defect, i })))('finds the planted defect: $what', async (defect) => {
      const copy = join(folder, String(defect.i));
      cpSync(BUILT, copy, { recursive: true });
      for (const { file, sound, defect: changed } of defect.changes) {
        const path = join(copy, file);
        writeFileSync(
          path,
          readFileSync(path, 'utf8').replace(sound, () => changed),
        );
      }
      const entry = pathToFileURL(join(copy, 'index.js')).href;
      const tested = (await import(/* @vite-ignore */ entry)) as Pick<PackageUnderTest, 'createClusterBackend'>;
      const report = await run({ entry, createClusterBackend: tested.createClusterBackend }, defect.events, 1);
      expect(report.violations[0]).toMatch(defect.found);
      tellCount('R17', 1);
    });
  });
}
