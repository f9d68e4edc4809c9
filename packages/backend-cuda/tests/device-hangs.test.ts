import { setImmediate } from 'node:timers/promises';
import { createMatrix, unwrap } from '@gearshift/contracts';
import { randomValues } from '@gearshift/testing';
import { describe, expect, test } from 'vitest';
import { createCudaBackend } from '../src/index.js';
import { lacksSimulator, simulator, simulatorOrSkipped } from './simulated-driver.js';

describe.skipIf(simulator === null)(`a device that hangs${lacksSimulator}`, () => {
  test('a hanging device is given up after hangMs without blocking the event loop or the exit of the process', async () => {
    const machine = simulatorOrSkipped();
    const backend = unwrap(await createCudaBackend({ hangMs: 300 }));
    const matrix = createMatrix(randomValues(100 * 64, 1), { dimensions: 64 });
    // From the kernel of the upload on: everything before it is done.
    machine.set('fail_from_there_on', 1);
    machine.set('hang_operation', 2);
    let [turns, isOver] = [0, false];
    const answering = backend
      .cosineSimilarity({ operation: 'cosine-similarity', query: randomValues(64, 2), matrix }, new Float32Array(100))
      .finally(() => (isOver = true));
    // Turns take microseconds. A timer might count few of them when the process is held up for most of hangMs.
    for (; !isOver; turns++) await setImmediate();
    expect(await answering).toMatchObject({ ok: false, error: { kind: 'timeout' } });
    expect(turns).toBeGreaterThan(3);
    expect(backend.supports({ operation: 'top-k', query: randomValues(64, 2), matrix, k: 1 })).not.toBe(true);
    await backend.close();
  });
});
