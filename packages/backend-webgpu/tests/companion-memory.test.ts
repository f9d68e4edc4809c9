import {
  createMatrix,
  createTopKOutput,
  prepareTopK,
  unwrap,
  type Companion,
  type TopKOutput,
  type VectorMatrix,
} from '@gearshift/contracts';
import { randomValues } from '@gearshift/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DEVICE_COMPANIONS } from '../src/kernels/companion-code.js';
import type { WebGpuDeviceBackend } from '../src/webgpu-device-backend.js';
import { SETS } from './companion-sets.js';
import { openBackend, softwareGpu } from './software-gpu.js';

const { title, isLacking, faults } = softwareGpu('swiftshader');
const ROWS = 40_960;
const DIMENSIONS = 64;
/** For the rows of four matrices and an upload, and not for a companion beside them. */
const MEMORY_BYTES = 46 * 2 ** 20;
const ROWS_BYTES = ROWS * (DIMENSIONS * 4 + 8);

describe.skipIf(isLacking)(`memory of companions, on ${title}`, () => {
  let backend: WebGpuDeviceBackend;

  beforeEach(async () => {
    backend = await openBackend({ memoryBytes: MEMORY_BYTES });
  });
  afterEach(async () => {
    await backend.close();
    const { liveDevices, liveAllocations } = faults.read();
    expect({ liveDevices, liveAllocations }).toEqual({ liveDevices: 0, liveAllocations: 0 });
  });

  const matrixOf = (seed: number, companion?: Companion) =>
    createMatrix(randomValues(ROWS * DIMENSIONS, seed), { dimensions: DIMENSIONS, companion });
  async function rank(matrix: VectorMatrix): Promise<TopKOutput> {
    const query = randomValues(DIMENSIONS, 5);
    const request = prepareTopK({ operation: 'top-k', query, matrix, k: 10 });
    const output = createTopKOutput(request);
    unwrap(await backend.topK(request, output));
    return output;
  }

  test.for(DEVICE_COMPANIONS)('a %s companion is counted, and released with its matrix', async (companion) => {
    const freeBytes = () => backend.memory().freeBytes ?? 0;
    const [matrix, before] = [matrixOf(1, companion), freeBytes()];
    expect(backend.residency(matrix).bytesToUpload).toBe(ROWS_BYTES);
    expect(backend.describeCompanion(matrix)).toMatchObject({ backend: 'webgpu:0', status: 'none' });
    unwrap(await backend.makeResident(matrix));
    const bytes = ROWS * (DIMENSIONS * (companion === 'int8' ? 1 : 2) + 8);
    expect(backend.residency(matrix)).toEqual({ residentBytes: ROWS_BYTES + bytes, bytesToUpload: 0 });
    expect(backend.describeCompanion(matrix)).toMatchObject({
      status: 'ready',
      reason: expect.stringContaining(`${bytes}`),
    });
    expect(before - freeBytes()).toBeGreaterThanOrEqual(ROWS_BYTES + bytes);
    const held = freeBytes();
    backend.release(matrix);
    expect(freeBytes() - held).toBe(ROWS_BYTES + bytes);
  });

  test('only a ranking without candidates is answered from a companion, once there is one', async () => {
    const query = randomValues(DIMENSIONS, 5);
    for (const companion of [undefined, 'auto', 'none', 'codes', ...DEVICE_COMPANIONS] as const) {
      const matrix = matrixOf(1, companion);
      const ranking = { operation: 'top-k', query, matrix, k: 1 } as const;
      expect(backend.formOf(ranking)).toBeUndefined();
      unwrap(await backend.makeResident(matrix));
      const expected = DEVICE_COMPANIONS.find((each) => each === companion);
      expect(backend.formOf(ranking)).toBe(expected);
      expect((await rank(matrix)).search === undefined).toBe(expected === undefined);
      expect(backend.formOf({ ...ranking, candidates: Uint32Array.of(3) })).toBeUndefined();
      expect(backend.formOf({ operation: 'cosine-similarity', query, matrix })).toBeUndefined();
      if (expected === undefined) expect(backend.describeCompanion(matrix).status).toBe('none');
      backend.release(matrix);
    }
  });

  test('a matrix works without a companion that does not fit, and releases no other copy for one', async () => {
    const [others, large] = [[matrixOf(2), matrixOf(3), matrixOf(4)], matrixOf(1, 'float16')];
    for (const matrix of others) unwrap(await backend.makeResident(matrix));
    unwrap(await backend.makeResident(large));
    expect(backend.residency(large).residentBytes).toBe(ROWS_BYTES);
    expect(backend.describeCompanion(large)).toMatchObject({
      status: 'refused',
      reason: expect.stringMatching(/no memory/),
    });
    expect(
      backend.formOf({ operation: 'top-k', query: randomValues(DIMENSIONS, 5), matrix: large, k: 1 }),
    ).toBeUndefined();
    for (const matrix of others) expect(backend.residency(matrix).residentBytes).toBe(ROWS_BYTES);
    const { search, ...answer } = await rank(large);
    expect(search).toBeUndefined();
    expect(answer).toEqual(await rank({ ...large, id: large.id + 1_000_000, companion: 'none' }));
  });

  test('rows of another matrix take the memory of a companion before that of a copy', async () => {
    const helped = matrixOf(1, 'float16');
    const others = [matrixOf(2), matrixOf(3)];
    unwrap(await backend.makeResident(helped));
    const expected = await rank(helped);
    expect(expected.search).toBeDefined();
    for (const matrix of others) unwrap(await backend.makeResident(matrix));
    expect(backend.describeCompanion(helped).status).toBe('ready');
    const last = matrixOf(4);
    unwrap(await backend.makeResident(last));
    expect(backend.describeCompanion(helped).status).toBe('refused');
    for (const matrix of [helped, ...others, last]) expect(backend.residency(matrix).residentBytes).toBe(ROWS_BYTES);
    const { search, ...answer } = await rank(helped);
    expect(search).toBeUndefined();
    expect(answer).toEqual({ ...expected, search: undefined });
  });

  test('a companion that leaves too many rows is not tried by the next ranking, and then again', async () => {
    const values = SETS['near ties'](ROWS, DIMENSIONS, 6);
    const plain = createMatrix(values, { dimensions: DIMENSIONS });
    const helped = createMatrix(values, { dimensions: DIMENSIONS, companion: 'int8' });
    unwrap(await backend.makeResident(plain));
    unwrap(await backend.makeResident(helped));
    const expected = await rank(plain);
    const ways: (string | undefined)[] = [];
    for (let i = 0; i < 6; i++) {
      const { search, ...answer } = await rank(helped);
      expect(answer).toEqual(expected);
      ways.push(search?.way);
    }
    expect(ways).toEqual(['scan', undefined, 'scan', undefined, undefined, 'scan']);
  });
});
