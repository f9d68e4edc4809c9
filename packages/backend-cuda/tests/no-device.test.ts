import { describe, expect, test } from 'vitest';
import { countCudaDevices, createCudaBackend } from '../src/index.js';
import { lacksSimulator, simulator, simulatorOrSkipped } from './simulated-driver.js';

describe.skipIf(simulator === null)(`createCudaBackend() with a driver that does not start${lacksSimulator}`, () => {
  const machine = simulatorOrSkipped();

  test.for([
    [100, 'the driver found no CUDA device'],
    [803, "the driver's library and its kernel module have different versions: restart the machine"],
    [802, 'the system that the GPU is part of is not ready: are its services running?'],
    [999, 'the driver did not start: code 999'],
  ] as const)('returns unsupported for driver code %d: %s', async ([code, message]) => {
    machine.set('init_code', code);
    expect(await createCudaBackend()).toMatchObject({
      ok: false,
      error: { kind: 'unsupported', message, nativeCode: code },
    });
    expect(await countCudaDevices()).toBe(0);
  });

  test('tries the driver again on a later call, because it may work then', async () => {
    machine.set('init_code', 0);
    const made = await createCudaBackend();
    expect(made.ok).toBe(true);
    if (made.ok) await made.value.close();
  });
});
