import {
  createTopKOutput,
  markChanged,
  createMatrix,
  prepareTopK,
  unwrap,
  type SyncBackend,
  type VectorMatrix,
} from '@gearshift/contracts';
import { createCpuBackend } from '@gearshift/backend-cpu';
import { randomValues } from '@gearshift/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { WebGpuDeviceBackend } from '../src/webgpu-device-backend.js';
import { openBackend, softwareGpu } from './software-gpu.js';

const { title, isLacking, faults } = softwareGpu('swiftshader');
const DIMENSIONS = 32;
const ROWS = 4000;
const BYTES_PER_ROW = DIMENSIONS * 4 + 8;

describe.skipIf(isLacking)(`operands that change, on ${title}`, () => {
  let backend: WebGpuDeviceBackend;
  let cpu: SyncBackend;

  beforeAll(async () => {
    backend = await openBackend();
    cpu = unwrap(await createCpuBackend());
  });
  afterAll(async () => {
    await backend?.close();
    await cpu?.close();
    faults.close();
  });

  async function ranksLikeCpu(matrix: VectorMatrix): Promise<void> {
    const request = prepareTopK({ operation: 'top-k', query: randomValues(DIMENSIONS, 11), matrix, k: 12 });
    const [mine, expected] = [createTopKOutput(request), createTopKOutput(request)];
    unwrap(await backend.topK(request, mine));
    unwrap(cpu.topKSync(request, expected));
    expect(mine.indices).toEqual(expected.indices);
  }

  test('only rows that changed are uploaded again', async () => {
    const matrix = createMatrix(randomValues(ROWS * DIMENSIONS, 1), { dimensions: DIMENSIONS });
    expect(backend.residency(matrix).bytesToUpload).toBe(ROWS * BYTES_PER_ROW);
    unwrap(await backend.makeResident(matrix));
    for (const [start, end] of [
      [10, 20],
      [3990, 4000],
      [63, 65],
    ]) {
      matrix.values.set(randomValues((end - start) * DIMENSIONS, start), start * DIMENSIONS);
      markChanged(matrix, { start, end });
    }
    // The hull of what is known of a matrix that was changed by hand is three spans.
    expect(backend.residency(matrix).bytesToUpload).toBe(22 * BYTES_PER_ROW);
    unwrap(await backend.makeResident(matrix));
    expect(backend.residency(matrix)).toMatchObject({ bytesToUpload: 0 });
    await ranksLikeCpu(matrix);
  });

  test('a row that becomes NaN, and a number again, is ranked by the host and then by the device', async () => {
    const matrix = createMatrix(randomValues(ROWS * DIMENSIONS, 2), { dimensions: DIMENSIONS });
    unwrap(await backend.makeResident(matrix));
    const query = matrix.values.slice(77 * DIMENSIONS, 78 * DIMENSIONS);
    const best = async () => {
      const request = prepareTopK({ operation: 'top-k', query, matrix, k: 1 });
      const output = createTopKOutput(request);
      unwrap(await backend.makeResident(matrix));
      unwrap(await backend.topK(request, output));
      return output.indices[0];
    };
    expect(await best()).toBe(77);
    matrix.values[77 * DIMENSIONS + 5] = NaN;
    markChanged(matrix, { start: 77, end: 78 });
    expect(await best()).not.toBe(77);
    matrix.values.set(query, 77 * DIMENSIONS);
    markChanged(matrix, { start: 77, end: 78 });
    expect(await best()).toBe(77);
  });

  test('a copy that a request reads stays as it is while its matrix changes', async () => {
    const values = randomValues(ROWS * DIMENSIONS, 3);
    const matrix = createMatrix(values, { dimensions: DIMENSIONS });
    unwrap(await backend.makeResident(matrix));
    const query = randomValues(64 * DIMENSIONS, 4);
    const before = { ...matrix };
    const request = prepareTopK({ operation: 'top-k', query, queries: 64, matrix: before, k: 5 });
    const expected = createTopKOutput(request);
    unwrap(await backend.topK(request, expected));
    const mine = createTopKOutput(request);
    const running = backend.topK(request, mine);
    const changed = createMatrix(randomValues(ROWS * DIMENSIONS, 5), { dimensions: DIMENSIONS });
    const next = {
      ...changed,
      id: matrix.id,
      version: matrix.version + 1,
      changes: [{ version: matrix.version + 1, start: 0, end: ROWS }],
    };
    const uploading = backend.makeResident(next);
    unwrap(await running);
    unwrap(await uploading);
    expect(mine.indices).toEqual(expected.indices);
    await ranksLikeCpu(next);
  });
});
