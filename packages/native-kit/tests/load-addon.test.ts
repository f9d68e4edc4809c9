import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, expect, test, vi } from 'vitest';
import { currentPlatform, describeBrokenPlaces, loadAddon, type AddonModule } from '../src/index.js';

const folder = mkdtempSync(join(tmpdir(), 'gearshift-loader-'));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => {
  vi.unstubAllEnvs();
});

const good = { abi: 7, version: '1.2.3' };
const wanted = {
  title: 'TEST',
  packageName: '@gearshift/backend-test',
  fileName: 'gearshift-test.node',
  overrideVariable: 'GEARSHIFT_TEST_ADDON',
  version: '1.2.3',
  abi: 7,
  prebuilds: pathToFileURL(join(folder, 'prebuilds')),
  platformPackages: { [currentPlatform()]: (): unknown => good },
  adviceElsewhere: 'Build it.',
};
const asAddon = (module: AddonModule) => ({ module });

test('the addon of the platform package is loaded where nothing was built on this machine', () => {
  const loaded = loadAddon(wanted, asAddon);
  expect(loaded).toMatchObject({ addon: { module: good }, source: 'prebuilt' });
  expect(loaded.failures).toEqual([
    {
      place: 'prebuilds',
      cause: `there is no file ${folder}/prebuilds/${currentPlatform()}/gearshift-test.node`,
      isMissing: true,
    },
  ]);
  expect(describeBrokenPlaces(loaded.failures)).toEqual([]);
});

test('the environment variable names an addon that is tried first, and a broken one is reported', () => {
  const path = join(folder, 'override.cjs');
  writeFileSync(path, `module.exports = ${JSON.stringify(good)};`);
  vi.stubEnv('GEARSHIFT_TEST_ADDON', path);
  expect(loadAddon(wanted, asAddon)).toMatchObject({ source: 'local', failures: [] });

  writeFileSync(join(folder, 'broken.cjs'), 'throw new Error("it does not load\\nhere");');
  vi.stubEnv('GEARSHIFT_TEST_ADDON', join(folder, 'broken.cjs'));
  const { failures } = loadAddon(wanted, asAddon);
  expect(describeBrokenPlaces(failures)).toEqual([
    `GEARSHIFT_TEST_ADDON=${join(folder, 'broken.cjs')} did not load: it does not load`,
  ]);
});

test('a platform without a package gets its own advice, and names of Object.prototype are no platforms', () => {
  for (const platform of ['sunos-sparc', 'constructor']) {
    expect(loadAddon(wanted, asAddon, { platform })).toMatchObject({
      addon: null,
      explanation: [
        `The TEST addon of Gearshift was not loaded on ${platform}:`,
        `  - prebuilds: there is no file ${folder}/prebuilds/${platform}/gearshift-test.node`,
        `  - @gearshift/backend-test-${platform}: no addon is published for ${platform}`,
        'Build it.',
      ].join('\n'),
    });
  }
});

test('an addon of another version is refused with the command that brings both to one version', () => {
  const loaded = loadAddon(wanted, asAddon, { loadPlatformPackage: () => ({ ...good, version: '1.2.4' }) });
  expect(loaded).toMatchObject({
    addon: null,
    explanation: expect.stringContaining('npm install @gearshift/backend-test@latest'),
  });
});
