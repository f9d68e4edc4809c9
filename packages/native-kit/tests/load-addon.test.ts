import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, expect, test, vi } from 'vitest';
import { AddonPathError, currentPlatform, describeBrokenPlaces, loadAddon, type AddonModule } from '../src/index.js';

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

test('loadAddon loads the addon named by the environment variable before any other', () => {
  const path = join(folder, 'override.cjs');
  writeFileSync(path, `module.exports = ${JSON.stringify(good)};`);
  vi.stubEnv('GEARSHIFT_TEST_ADDON', path);
  expect(loadAddon(wanted, asAddon)).toMatchObject({ source: 'local', failures: [] });
});

test('loadAddon resolves a relative path in the environment variable against the working folder', () => {
  const path = join(folder, 'relative.cjs');
  writeFileSync(path, `module.exports = ${JSON.stringify(good)};`);
  vi.stubEnv('GEARSHIFT_TEST_ADDON', relative(process.cwd(), path));
  expect(loadAddon(wanted, asAddon)).toMatchObject({ source: 'local', failures: [] });
});

test.each([
  ['does not exist', 'nowhere.node', undefined, 'there is no file'],
  ['does not load', 'broken.cjs', 'throw new Error("it does not load\\nhere");', 'it does not load'],
  ['is a folder', '.', undefined, 'it is a folder'],
  ['is another module', 'other.cjs', 'module.exports = {};', 'it is not the TEST addon of Gearshift'],
  ['has another version', 'old.cjs', 'module.exports = { abi: 7, version: "1.0.0" };', 'built for version 1.0.0'],
  ['has another interface', 'abi.cjs', 'module.exports = { abi: 8, version: "1.2.3" };', 'it has interface 8'],
])('loadAddon throws an error when the file named by the environment variable %s', (_case, name, code, reason) => {
  const path = join(folder, name);
  if (code !== undefined) writeFileSync(path, code);
  vi.stubEnv('GEARSHIFT_TEST_ADDON', path);
  const load = () => loadAddon(wanted, asAddon);
  expect(load).toThrow(AddonPathError);
  expect(load).toThrow(`GEARSHIFT_TEST_ADDON: expected the path of a TEST addon, got ${path}: `);
  expect(load).toThrow(reason);
  expect(load).toThrow('to fix it, correct the path or unset GEARSHIFT_TEST_ADDON');
  expect(load).not.toThrow('\n');
});

test('loadAddon finds an addon that was copied next to a bundle', () => {
  const beside = join(folder, 'bundle');
  mkdirSync(beside);
  // A text file cannot be loaded as an addon, which proves that it was tried.
  writeFileSync(join(beside, 'gearshift-test.node'), 'no addon');
  const { failures } = loadAddon({ ...wanted, bundleFolders: ['/nowhere', beside] }, asAddon);
  expect(describeBrokenPlaces(failures)).toEqual([
    expect.stringMatching(new RegExp(`^${join(beside, 'gearshift-test.node')} did not load: .+`)),
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
