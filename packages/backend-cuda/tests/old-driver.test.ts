import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { createCudaBackend } from '../src/index.js';
import { lacksSimulator, simulator, simulatorOrSkipped } from './simulated-driver.js';

// A process reads the version of its driver once, so this machine needs a separate file, which has its own process.

describe.skipIf(simulator === null)(`createCudaBackend() with a driver that is too old${lacksSimulator}`, () => {
  // The version of the toolkit that compiled the kernels.
  const toolkit = () => readFileSync(new URL('../build/kernels.toolkit', import.meta.url), 'utf8').trim();

  test('returns unsupported with the version of the driver and the required one', async () => {
    simulatorOrSkipped().set('driver_version', 11040);
    const made = await createCudaBackend();
    expect(made).toMatchObject({
      ok: false,
      error: {
        kind: 'unsupported',
        message: `the NVIDIA driver supports CUDA 11.4, this build needs ${Number.parseInt(toolkit())}.0 or newer: update the driver`,
      },
    });
  });
});
