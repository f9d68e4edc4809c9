import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { softwareDriver } from '@gearshift/vulkan-drivers';
import { expect, test } from 'vitest';

const EXAMPLE = fileURLToPath(new URL('../../../docs/examples/swap-backend.mjs', import.meta.url));
/** Inside the package, so that all names resolve, and in a folder that git, Nx and formatters leave alone. */
const BUILD = fileURLToPath(new URL('../build', import.meta.url));
const driver = softwareDriver('swiftshader');
const title = driver.lacks === null ? '' : ` (skipped: needs ${driver.lacks})`;

test.skipIf(driver.lacks !== null)(
  `the example docs/examples/swap-backend.mjs gives the same answers on the CPU, WebGPU and its own backend${title}`,
  () => {
    mkdirSync(BUILD, { recursive: true });
    const folder = mkdtempSync(join(BUILD, 'example-'));
    try {
      const program = join(folder, 'example.mjs');
      copyFileSync(EXAMPLE, program);
      const env = driver.lacks === null ? { ...process.env, ...driver.env } : {};
      const { status, stdout, stderr } = spawnSync(process.execPath, [program], {
        encoding: 'utf8',
        timeout: 60_000,
        env,
      });
      expect(stderr).toBe('');
      expect(status).toBe(0);
      const lines = stdout.trimEnd().split('\n');
      expect(lines.map((line) => line.split(': ')[0])).toEqual(['cpu', 'webgpu:0', 'own:0']);
      const answers = new Set(lines.map((line) => line.slice(line.indexOf(': '))));
      expect([...answers]).toEqual([expect.stringMatching(/^: rows 7 \d+ \d+, activations 0 0 0.25$/)]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);
