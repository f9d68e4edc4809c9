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

test('loadAddon loads the addon of the platform package when nothing was built on this machine', () => {
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

test('loadAddon tries the addon named by the environment variable first and reports a broken one', () => {
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

test('loadAddon gives specific advice for a platform without a package, and ignores names of Object.prototype', () => {
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

test('loadAddon refuses an addon of another version and names the command that installs matching versions', () => {
  const loaded = loadAddon(wanted, asAddon, { loadPlatformPackage: () => ({ ...good, version: '1.2.4' }) });
  expect(loaded).toMatchObject({
    addon: null,
    explanation: expect.stringContaining('npm install @gearshift/backend-test@latest'),
  });
});
