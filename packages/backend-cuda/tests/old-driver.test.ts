import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { createCudaBackend } from '../src/index.js';
import { lacksSimulator, simulator, simulatorOrSkipped } from './simulated-driver.js';

// A process asks its driver for its version once: so these machines have a file, and with it a process, to themselves.

describe.skipIf(simulator === null)(`a driver that is too old${lacksSimulator}`, () => {
  // The version of the toolkit that compiled the kernels.
  const toolkit = () => readFileSync(new URL('../build/kernels.toolkit', import.meta.url), 'utf8').trim();

  test('is told with its version and the one that is needed', async () => {
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
