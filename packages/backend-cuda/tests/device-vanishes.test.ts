import { createMatrix, unwrap } from '@gearshift/contracts';
import { randomValues } from '@gearshift/testing';
import { describe, expect, test } from 'vitest';
import { createCudaBackend } from '../src/index.js';
import { lacksSimulator, simulator, simulatorOrSkipped } from './simulated-driver.js';

// The device is lost for the life of the process, so these tests depend on their order.

describe.skipIf(simulator === null)(`a device that vanishes${lacksSimulator}`, () => {
  const matrix = createMatrix(randomValues(4000 * 64, 1), { dimensions: 64 });
  const request = { operation: 'cosine-similarity', query: randomValues(256 * 64, 2), queries: 256, matrix } as const;

  test('a lost device ends every request under way with device-lost, and later ones at once', async () => {
    const machine = simulatorOrSkipped();
    const backend = unwrap(await createCudaBackend());
    const output = () => new Float32Array(256 * 4000);
    unwrap(await backend.makeResident!(matrix)); // eslint-disable-line @typescript-eslint/no-non-null-assertion -- it has one
    // Each request takes more operations: none has an answer before the device vanishes, however long that takes.
    machine.set('fail_from_there_on', 1);
    machine.set('hang_operation', 3);
    const calls = machine.get('calls');
    const answering = [1, 2, 3].map(() => backend.cosineSimilarity(request, output()));
    // Most of them wait for what hangs.
    await expect.poll(() => machine.get('calls'), { timeout: 30_000 }).toBeGreaterThan(calls + 100);
    machine.set('vanish_call', 1);
    for (const answer of await Promise.all(answering)) {
      expect(answer).toMatchObject({ ok: false, error: { kind: 'device-lost', nativeCode: 46 } });
    }
    expect(backend.supports(request)).toEqual({ reason: expect.stringContaining('lost for the life of this process') });
    expect(backend.describe().limitations).toHaveLength(1);
    expect(backend.memory()).toMatchObject({ freeBytes: null, totalBytes: null });
    const callsBefore = machine.get('calls');
    expect(await backend.cosineSimilarity(request, output())).toMatchObject({ error: { kind: 'device-lost' } });
    expect(machine.get('calls'), 'a lost device is asked nothing').toBe(callsBefore);
    await backend.close();
  });

  test('a lost device cannot be opened again in this process, and the message says how to recover', async () => {
    expect(await createCudaBackend()).toMatchObject({
      ok: false,
      error: { kind: 'device-lost', message: expect.stringContaining('restart the process') },
    });
  });
});
