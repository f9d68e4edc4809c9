import { createMatrix, unwrap, type Backend, type BackendError, type Result } from '@gearshift/contracts';
import { randomValues } from '@gearshift/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { countCudaDevices, createCudaBackend } from '../src/index.js';
import { lacksSimulator, simulator, simulatorOrSkipped } from './simulated-driver.js';

const DIMENSIONS = 32;
const matrix = createMatrix(randomValues(500 * DIMENSIONS, 1), { dimensions: DIMENSIONS });
const query = randomValues(DIMENSIONS, 2);

function errorOf(result: Result<unknown, BackendError>): BackendError {
  if (result.ok) throw new Error('expected a failure');
  return result.error;
}

describe.skipIf(simulator === null)(`CUDA backend after failures that a device survives${lacksSimulator}`, () => {
  const machine = simulatorOrSkipped();
  let backend: Backend;
  const ask = () => backend.cosineSimilarity({ operation: 'cosine-similarity', query, matrix }, new Float32Array(500));
  const arm = (setting: Parameters<typeof machine.set>[0], code: number) => {
    machine.set('fail_code', code);
    machine.set(setting, 1);
  };

  beforeEach(async () => {
    backend = unwrap(await createCudaBackend());
  });
  afterEach(async () => {
    for (const setting of ['fail_call', 'fail_allocation', 'corrupt_download', 'fail_from_there_on'] as const) {
      machine.set(setting, 0);
    }
    machine.set('memory_bytes', 256 * 2 ** 20);
    await backend.close();
    expect(machine.get('live_contexts'), 'contexts').toBe(0);
    expect([machine.get('leaks'), machine.get('misuses'), machine.get('undefined')]).toEqual([0, 0, 0]);
  });

  test('out-of-memory reports the requested and the free bytes, and later requests succeed', async () => {
    machine.set('memory_bytes', 40_000);
    const error = errorOf(await ask());
    expect(error).toMatchObject({ kind: 'out-of-memory', backend: 'cuda:0', nativeCode: 2 });
    expect(error.requestedBytes).toBe(500 * DIMENSIONS * 4);
    expect(error.freeBytes).toBeLessThanOrEqual(40_000);
    machine.set('memory_bytes', 256 * 2 ** 20);
    unwrap(await ask());
  });

  test('an unknown driver error is a fault with the call and its code, and the next request succeeds', async () => {
    unwrap(await ask());
    arm('fail_call', 999);
    const error = errorOf(await ask());
    expect(error).toMatchObject({ kind: 'fault', nativeCode: 999 });
    expect(error.message).toMatch(/^the driver failed \(cu\w+, CUDA error 999\)$/);
    unwrap(await ask());
  });

  test('an impossible ranking is refused as invalid-result', async () => {
    const output = { indices: new Uint32Array(5), scores: new Float32Array(5), count: 0 };
    machine.set('corrupt_download', 1);
    const answer = await backend.topK({ operation: 'top-k', query, matrix, k: 5 }, output);
    expect(errorOf(answer).kind).toBe('invalid-result');
    expect([...output.indices]).toEqual([0, 0, 0, 0, 0]);
  });

  test('memory() reads from the driver and counts memory kept for the next request as free', async () => {
    const before = backend.memory();
    expect(before.totalBytes).toBe(256 * 2 ** 20);
    unwrap(await ask());
    await new Promise((resolve) => setTimeout(resolve, 20)); // a reading is kept for a moment
    const after = backend.memory();
    expect(before.freeBytes).toBe(after.freeBytes);
    expect(machine.get('used_bytes')).toBeGreaterThan(0);
  });

  test('a second device is unsupported when the driver has only one', async () => {
    expect(await countCudaDevices()).toBe(1);
    const error = errorOf(await createCudaBackend({ device: 1 }));
    expect(error).toMatchObject({ kind: 'unsupported', message: 'there is no device 1: the driver knows 1' });
  });

  test('backends of two devices have different ids', async () => {
    machine.set('devices', 2);
    const second = unwrap(await createCudaBackend({ device: 1 }));
    expect(second.describe().id).toBe('cuda:1');
    unwrap(await second.cosineSimilarity({ operation: 'cosine-similarity', query, matrix }, new Float32Array(500)));
    await second.close();
    machine.set('devices', 1);
  });
});

describe.skipIf(simulator === null)(`createCudaBackend() on machines without a usable device${lacksSimulator}`, () => {
  const machine = simulatorOrSkipped();

  test('kernels that the driver refuses are reported as unsupported, without a remaining context', async () => {
    machine.set('module_code', 209);
    const error = errorOf(await createCudaBackend());
    machine.set('module_code', 0);
    expect(error).toMatchObject({ kind: 'unsupported', nativeCode: 209 });
    expect(error.message).toContain('the driver is too old for the kernels of this build, or the GPU is');
    expect(machine.get('live_contexts')).toBe(0);
  });
});
