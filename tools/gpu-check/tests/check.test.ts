import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { softwareDriver } from '@gearshift/vulkan-drivers';
import { lacksSimulator, simulator } from './simulated-driver.js';

const MAIN = fileURLToPath(new URL('../src/main.mjs', import.meta.url));
const SIMULATOR = dirname(createRequire(import.meta.url).resolve('@gearshift/cuda-simulator/package.json'));

interface Report {
  readonly isSimulated: boolean;
  readonly contract: { readonly passed: number; readonly failures: readonly unknown[] };
  readonly rankings: { readonly compared: number; readonly different: readonly unknown[] };
  readonly measured: unknown;
}

describe.skipIf(simulator === null)(`gpu-check on the simulated driver${lacksSimulator}`, () => {
  test('passes, writes its report and measures nothing', { timeout: 180_000 }, () => {
    const folder = mkdtempSync(join(tmpdir(), 'gearshift-gpu-check-'));
    try {
      const json = join(folder, 'report.json');
      // The simulated driver under the file name of a real driver.
      const env = { ...process.env, LD_LIBRARY_PATH: join(SIMULATOR, 'prebuilds') };
      const args = [MAIN, '--quick', '--json', json, '--sanitizer', '/nowhere/compute-sanitizer'];
      const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', env });
      expect({ status, stderr }, stdout).toEqual({ status: 0, stderr: '' });
      const report = JSON.parse(readFileSync(json, 'utf8')) as Report;
      expect(report).toMatchObject({ isSimulated: true, measured: null });
      expect(report.contract.passed).toBeGreaterThan(60);
      expect(report.contract.failures).toEqual([]);
      expect(report.rankings).toEqual({ compared: 39, different: [] });
      expect(stdout).toContain('memcheck: not run: /nowhere/compute-sanitizer is not there');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

const driver = softwareDriver('swiftshader');

describe.skipIf(driver.lacks !== null)(
  `gpu-check --backend webgpu (${driver.lacks === null ? 'SwiftShader' : `skipped: needs ${driver.lacks}`})`,
  () => {
    test(
      'compares rankings with those of the CPU, and measures nothing on a driver in software',
      { timeout: 180_000 },
      () => {
        const folder = mkdtempSync(join(tmpdir(), 'gearshift-gpu-check-'));
        try {
          const json = join(folder, 'report.json');
          // The contract suite of the backend runs in its own tests.
          const args = [MAIN, '--backend', 'webgpu', '--quick', '--only', 'rankings', '--json', json];
          const env = { ...process.env, ...(driver.lacks === null ? driver.env : {}) };
          const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', env });
          expect({ status, stderr }, stdout).toEqual({ status: 0, stderr: '' });
          const { isSimulated, measured, rankings } = JSON.parse(readFileSync(json, 'utf8')) as Report;
          expect({ isSimulated, measured }).toEqual({ isSimulated: true, measured: null });
          expect(rankings.compared).toBe(39);
        } finally {
          rmSync(folder, { recursive: true });
        }
      },
    );
  },
);
