import { unwrap } from '@gearshift/contracts';
import { describeBackendContract } from '@gearshift/testing/vitest';
import { afterAll, describe, expect, test } from 'vitest';
import { createCudaBackend } from '../src/index.js';
import { lacksSimulator, simulator } from './simulated-driver.js';

describe.skipIf(simulator === null)(`the CUDA backend on the simulated driver${lacksSimulator}`, () => {
  describeBackendContract('the CUDA backend', async () => unwrap(await createCudaBackend()));

  afterAll(() => {
    expect(simulator?.get('leaks'), 'leaks').toBe(0);
    expect(simulator?.get('misuses'), 'misuses').toBe(0);
    expect(simulator?.get('undefined'), simulator?.message()).toBe(0);
  });

  test('the description of the device says that it is simulated', async () => {
    const backend = unwrap(await createCudaBackend());
    expect(backend.describe()).toMatchObject({ id: 'cuda:0', kind: 'gpu', level: 'sm_90', driver: 'CUDA 13.0' });
    expect(backend.describe().device).toContain('simulator');
    await backend.close();
  });
});
