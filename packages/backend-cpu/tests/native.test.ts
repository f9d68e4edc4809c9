import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ADDON_ABI } from '../src/addon.js';
import { loadAddon } from '../src/native.js';
import { PACKAGE_VERSION } from '../src/package-version.js';

// Plain JavaScript modules serve as addons, because the loader reads only two properties of an addon.
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'gearshift-loader-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function fakeAddon(name: string, properties: object): string {
  const path = join(folder, `${name}.cjs`);
  writeFileSync(path, `module.exports = ${JSON.stringify(properties)};`);
  return path;
}

const good = { abi: ADDON_ABI, version: PACKAGE_VERSION };
const nothing = {
  platform: 'linux-x64-gnu',
  override: undefined,
  prebuildsFolder: '/nowhere',
  loadPlatformPackage: () => {
    throw Object.assign(new Error('Cannot find module\nRequire stack: ...'), { code: 'MODULE_NOT_FOUND' });
  },
};

describe('loader of the native addon', () => {
  test('the loader tries the path in the environment first', () => {
    const loaded = loadAddon({ ...nothing, override: fakeAddon('override', good), loadPlatformPackage: () => good });
    expect(loaded).toMatchObject({ source: 'local', failures: [] });
  });

  test('the loader throws when the path in the environment does not exist, even if another addon would load', () => {
    const load = () => loadAddon({ ...nothing, override: '/nowhere/addon.node', loadPlatformPackage: () => good });
    expect(load).toThrow(
      'GEARSHIFT_CPU_ADDON: expected the path of a CPU addon, got /nowhere/addon.node: there is no file /nowhere/addon.node',
    );
  });

  test('the loader prefers a build on this machine to the platform package', () => {
    mkdirSync(join(folder, 'prebuilds/linux-x64-gnu'), { recursive: true });
    // A text file cannot be loaded as an addon, which proves that it was tried.
    writeFileSync(join(folder, 'prebuilds/linux-x64-gnu/gearshift-cpu.node'), 'no addon');
    const loaded = loadAddon({
      ...nothing,
      prebuildsFolder: join(folder, 'prebuilds'),
      loadPlatformPackage: () => good,
    });
    expect(loaded).toMatchObject({ source: 'prebuilt' });
    expect(loaded.failures).toHaveLength(1);
    expect(loaded.failures[0]).toMatchObject({ place: 'prebuilds', isMissing: false });
    expect(loaded.failures[0].cause).not.toBe('');
  });

  test('the loader refuses another version, another interface and a module that is not the addon', () => {
    const causeOf = (module: unknown) =>
      loadAddon({ ...nothing, loadPlatformPackage: () => module }).failures.at(-1)?.cause;
    expect(causeOf({ ...good, version: '99.0.0' })).toBe(
      `it was built for version 99.0.0, this package is version ${PACKAGE_VERSION}`,
    );
    expect(causeOf({ ...good, abi: 999 })).toBe(`it has interface 999, this package needs interface ${ADDON_ABI}`);
    for (const module of [null, undefined, 7, 'text', {}]) {
      expect(causeOf(module)).toBe('it is not the CPU addon of Gearshift');
    }
  });

  test('the explanation lists every attempt, why it failed and how to fix it', () => {
    const loaded = loadAddon(nothing);
    if (loaded.addon !== null) throw new Error('nothing was there to load');
    expect(loaded.explanation.split('\n')).toEqual([
      'The CPU addon of Gearshift was not loaded on linux-x64-gnu:',
      '  - prebuilds: there is no file /nowhere/linux-x64-gnu/gearshift-cpu.node',
      '  - @gearshift/backend-cpu-linux-x64-gnu: Cannot find module',
      expect.stringContaining('npm install @gearshift/backend-cpu-linux-x64-gnu --include=optional'),
    ]);
  });

  test('the explanation has specific advice for different versions and for platforms without a package', () => {
    const explain = (places: object) => {
      const loaded = loadAddon({ ...nothing, ...places });
      return loaded.addon === null ? loaded.explanation : '';
    };
    expect(explain({ loadPlatformPackage: () => ({ ...good, version: '99.0.0' }) })).toContain(
      'bring both packages to one version: npm install @gearshift/backend-cpu@latest',
    );
    expect(explain({ platform: 'sunos-x64' })).toContain('There is no prebuilt addon for this platform');
  });
});
