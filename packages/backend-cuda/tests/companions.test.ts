import {
  createMatrix,
  createTopKOutput,
  markChanged,
  METRICS,
  prepareTopK,
  unwrap,
  type Backend,
  type Companion,
  type Metric,
  type VectorMatrix,
} from '@gearshift/contracts';
import { randomValues } from '@gearshift/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createCudaBackend } from '../src/index.js';
import { lacksSimulator, simulator, simulatorOrSkipped } from './simulated-driver.js';

// The bounds from fewer bits are tested natively (tools/cuda-simulator/native/tests/certified.cc). These tests check that a
// companion is created and released with its matrix.

type Resident = Backend & Required<Pick<Backend, 'makeResident' | 'residency' | 'release'>>;

/** The others are for CPUs. */
const OF_GPUS = ['float16', 'int8'] as const;
const DIMENSIONS = 48;
const ROWS = 1200;

describe.skipIf(simulator === null)(`companions of resident matrices${lacksSimulator}`, () => {
  const machine = simulatorOrSkipped();
  let backend: Resident;

  beforeEach(async () => {
    backend = unwrap(await createCudaBackend()) as Resident;
  });
  afterEach(async () => {
    machine.set('memory_bytes', 256 * 2 ** 20);
    machine.set('compute_capability', 90);
    await backend.close();
    expect([machine.get('leaks'), machine.get('misuses'), machine.get('live_contexts')]).toEqual([0, 0, 0]);
  });

  const matrixOf = (seed: number, companion?: Companion) =>
    createMatrix(randomValues(ROWS * DIMENSIONS, seed), { dimensions: DIMENSIONS, companion });
  async function rank(matrix: VectorMatrix, queries: number, metric: Metric = 'cosine') {
    const query = randomValues(queries * DIMENSIONS, 5);
    const request = prepareTopK({ operation: 'top-k', query, queries, matrix, k: 10, metric });
    const output = createTopKOutput(request);
    unwrap(await backend.topK(request, output));
    return output;
  }
  const resident = async (matrix: VectorMatrix) => {
    unwrap(await backend.makeResident(matrix));
    return backend.residency(matrix).residentBytes;
  };

  test.for(OF_GPUS)('a %s companion gives the same rows and the same bits as none', async (companion) => {
    const plain = matrixOf(1);
    const helped = { ...matrixOf(1, companion), values: plain.values };
    await resident(plain);
    await resident(helped);
    for (const metric of METRICS) {
      for (const queries of [1, 3, 20]) {
        expect(await rank(helped, queries, metric)).toEqual(await rank(plain, queries, metric));
      }
    }
  });

  test('a ranking is answered from the companion, and everything else from the rows', () => {
    const query = randomValues(DIMENSIONS, 5);
    for (const companion of [undefined, 'none', 'codes', ...OF_GPUS] as const) {
      const matrix = matrixOf(1, companion);
      const expected = OF_GPUS.find((each) => each === companion);
      expect(backend.formOf?.({ operation: 'top-k', query, matrix, k: 1 })).toBe(expected);
      const candidates = Uint32Array.of(3);
      expect(backend.formOf?.({ operation: 'top-k', query, matrix, k: 1, candidates })).toBeUndefined();
      expect(backend.formOf?.({ operation: 'cosine-similarity', query, matrix })).toBeUndefined();
    }
  });

  test('a companion is created on the device without another upload and takes memory there', async () => {
    const before = machine.get('uploaded_bytes');
    const heldBytes = await resident(matrixOf(2));
    const uploadedBytes = machine.get('uploaded_bytes') - before;
    for (const companion of OF_GPUS) {
      const start = machine.get('uploaded_bytes');
      const withCompanion = await resident(matrixOf(2, companion));
      expect(machine.get('uploaded_bytes') - start).toBe(uploadedBytes);
      const bytes = companion === 'int8' ? 1 : 2;
      expect(withCompanion - heldBytes).toBeGreaterThanOrEqual(ROWS * (DIMENSIONS * bytes + 8));
    }
  });

  test.for(OF_GPUS)('a partial update of the matrix updates the %s companion', async (companion) => {
    const matrix = matrixOf(3, companion);
    await resident(matrix);
    // The best row of every query.
    const query = randomValues(DIMENSIONS, 5);
    matrix.values.set(query, 700 * DIMENSIONS);
    markChanged(matrix, { start: 700, end: 701 });
    unwrap(await backend.makeResident(matrix));
    expect((await rank(matrix, 1)).indices[0]).toBe(700);
    expect((await rank(matrix, 20)).indices[0]).toBe(700);
  });

  test('a matrix works without a companion when there is no memory for one', async () => {
    const matrix = matrixOf(4, 'float16');
    machine.set('memory_bytes', matrix.values.byteLength * 1.45);
    const heldBytes = await resident(matrix);
    expect(heldBytes).toBeLessThan(matrix.values.byteLength * 1.3);
    machine.set('memory_bytes', 256 * 2 ** 20);
    expect((await rank(matrix, 1)).count).toBe(10);
  });

  test('a device without tensor cores ranks in float32', async () => {
    const expected = await rank(matrixOf(1, 'float16'), 20);
    await backend.close();
    machine.set('compute_capability', 75);
    backend = unwrap(await createCudaBackend()) as Resident;
    const matrix = matrixOf(1, 'float16');
    await resident(matrix);
    expect(await rank(matrix, 20)).toEqual(expected);
  });
});
