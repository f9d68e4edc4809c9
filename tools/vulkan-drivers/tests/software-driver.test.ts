import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterAll, describe, expect, it } from 'vitest';
import { softwareDriver, type SoftwareDriver, type VulkanFaults } from '../src/index.js';

const CHILD = fileURLToPath(new URL('./fixtures/describe-adapter.mjs', import.meta.url));
const BUILT = new URL('../dist/index.js', import.meta.url).href;

const found = softwareDriver('swiftshader', { faults: true });
const title = found.lacks === null ? 'softwareDriver' : `softwareDriver (skipped: needs ${found.lacks})`;

describe.skipIf(found.lacks !== null)(title, () => {
  const driver = found as SoftwareDriver<VulkanFaults>;
  const describeAdapter = (env: Record<string, string>) =>
    spawnSync(process.execPath, [CHILD], { env: { ...driver.env, ...env }, encoding: 'utf8' });
  afterAll(() => driver.faults.close());

  it('loads one driver into a process and refuses a second one', () => {
    driver.load();
    driver.load();
    const second = softwareDriver('swiftshader') as SoftwareDriver;
    expect(() => second.load()).toThrow('this process uses swiftshader already; start another one for swiftshader');
  });

  it('refuses to load a driver from a worker thread', async () => {
    const script = `import(${JSON.stringify(BUILT)}).then(({ softwareDriver }) => softwareDriver('swiftshader').load())`;
    const [error] = (await once(new Worker(script, { eval: true }), 'error')) as [Error];
    expect(error.message).toBe('a Vulkan driver is loaded on the main thread only');
  });

  it('says which driver could not be loaded behind the fault layer', () => {
    const { stdout, stderr } = describeAdapter({ GEARSHIFT_VULKAN_DRIVER: '/no/driver.so' });
    expect(stdout).toBe('none\n');
    expect(stderr).toContain('fault layer: GEARSHIFT_VULKAN_DRIVER: /no/driver.so: cannot open shared object file');
  });

  it('ends a process when its control file is missing', () => {
    const { signal, stderr } = describeAdapter({ GEARSHIFT_VULKAN_FAULTS: '/no/control' });
    expect(signal).toBe('SIGABRT');
    expect(stderr).toContain('fault layer: GEARSHIFT_VULKAN_FAULTS: /no/control: No such file or directory');
  });

  it.each([0, -1, 1.5, Number.NaN])('refuses a fault of call number %s', (n) => {
    expect(() => driver.faults.fail('submit', n)).toThrow(`n: expected a whole number from 1, got ${n}`);
  });
});
