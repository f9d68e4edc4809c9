import {
  createMatrix,
  createTopKOutput,
  markChanged,
  METRICS,
  prepareTopK,
  RowSet,
  unwrap,
  type TopKOutput,
  type VectorMatrix,
} from '@gearshift/contracts';
import { randomValues } from '@gearshift/testing';
import type { DriverName } from '@gearshift/vulkan-drivers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEVICE_COMPANIONS } from '../src/kernels/companion-code.js';
import type { WebGpuDeviceBackend } from '../src/webgpu-device-backend.js';
import { SETS } from './companion-sets.js';
import { openBackend, softwareGpu } from './software-gpu.js';

const ROWS = 3000;
const DIMENSIONS = 70;

/** Rankings with a companion beside those without, on one driver, in a process of its own. */
export function testCompanions(name: DriverName): void {
  const { title, isLacking, faults } = softwareGpu(name);

  describe.skipIf(isLacking)(`companions on ${title}`, () => {
    let backend: WebGpuDeviceBackend;

    beforeAll(async () => {
      // 1,024 rows in a buffer: most requests have several pieces.
      backend = await openBackend({ mostBufferBytes: 320 * 2 ** 10 });
    });
    afterAll(async () => {
      await backend?.close();
      const { liveDevices, liveAllocations } = faults.read();
      expect({ liveDevices, liveAllocations }).toEqual({ liveDevices: 0, liveAllocations: 0 });
      faults.close();
    });

    async function rank(matrix: VectorMatrix, options: object): Promise<TopKOutput> {
      const request = prepareTopK({ operation: 'top-k', matrix, query: new Float32Array(0), k: 10, ...options });
      const output = createTopKOutput(request);
      unwrap(await backend.topK(request, output));
      return output;
    }

    /** Two matrices with the same rows, one of which has a companion. */
    async function pairOf(values: Float32Array, companion: (typeof DEVICE_COMPANIONS)[number]) {
      const plain = createMatrix(values, { dimensions: DIMENSIONS, companion: 'none' });
      const helped = createMatrix(values, { dimensions: DIMENSIONS, companion });
      unwrap(await backend.makeResident(plain));
      unwrap(await backend.makeResident(helped));
      return { plain, helped };
    }

    async function expectSame(plain: VectorMatrix, helped: VectorMatrix, options: object, where: string) {
      const { search, ...mine } = await rank(helped, options);
      expect(mine, where).toEqual(await rank(plain, options));
      return search;
    }

    describe.for(DEVICE_COMPANIONS)('%s', (companion) => {
      test.for(Object.keys(SETS))('the answers for %s rows have the bits of a scan', async (set) => {
        const values = SETS[set](ROWS, DIMENSIONS, 21);
        const { plain, helped } = await pairOf(values, companion);
        const near = values.slice(70 * DIMENSIONS, 73 * DIMENSIONS);
        const far = randomValues(9 * DIMENSIONS, 5);
        const where = RowSet.fromPredicate(ROWS, (row) => row % 5 !== 2);
        for (const metric of METRICS) {
          let used = 0;
          for (const [queries, query] of [
            [1, near.slice(0, DIMENSIONS)],
            [3, near],
            [9, far],
          ] as const) {
            const kinds = queries === 1 ? [{ k: 1 }, { k: 200 }, { where }] : [{ k: 10, start: 777, end: 2900 }];
            for (const options of kinds) {
              const asked = { query, queries, metric, ...options };
              const search = await expectSame(
                plain,
                helped,
                asked,
                `${metric}, ${queries}, ${JSON.stringify(options)}`,
              );
              if (search !== undefined) used += 1;
            }
          }
          expect(used, metric).toBeGreaterThan(0);
        }
        backend.release(plain);
        backend.release(helped);
      });

      test('every k of a small matrix gives the bits of a scan', async () => {
        const { plain, helped } = await pairOf(randomValues(130 * DIMENSIONS, 8), companion);
        const query = randomValues(2 * DIMENSIONS, 9);
        for (const metric of METRICS) {
          for (let k = 1; k <= 130; k += k < 5 || k > 125 ? 1 : 40) {
            await expectSame(plain, helped, { query, queries: 2, metric, k }, `${metric}, k ${k}`);
          }
        }
      });

      test('more queries than one submit takes give the bits of a scan', async () => {
        const { plain, helped } = await pairOf(randomValues(1100 * DIMENSIONS, 12), companion);
        const query = randomValues(70 * DIMENSIONS, 13);
        await expectSame(plain, helped, { query, queries: 70, k: 3 }, '70 queries');
      });

      test('few rows are scored of clustered ones, and the counts say how many', async () => {
        const values = SETS.clustered(ROWS, DIMENSIONS, 3);
        const { helped } = await pairOf(values, companion);
        const query = values.slice(0, DIMENSIONS);
        const { search } = await rank(helped, { query });
        expect(search).toMatchObject({ scanned: ROWS, examined: ROWS, way: 'whole-codes' });
        expect(search?.rescored).toBeGreaterThanOrEqual(10);
        expect(search?.rescored).toBeLessThan(ROWS / 10);
        const where = RowSet.fromRows([5, 6, 700, 2999], ROWS);
        expect((await rank(helped, { query, where })).search).toMatchObject({ scanned: 4, rescored: 4 });
      });

      test('changed and added rows are encoded again, and no others', async () => {
        const values = randomValues(ROWS * DIMENSIONS, 31);
        const { plain, helped } = await pairOf(values, companion);
        const query = randomValues(DIMENSIONS, 32);
        for (const row of [0, 63, 64, 1500, 2999]) {
          values.set(query, row * DIMENSIONS);
          for (const matrix of [plain, helped]) {
            markChanged(matrix, { start: row, end: row + 1 });
            unwrap(await backend.makeResident(matrix));
          }
          const { indices } = await rank(helped, { query, k: 1 });
          expect(indices[0]).toBe(0);
          await expectSame(plain, helped, { query, k: 20 }, `after the change of row ${row}`);
          values.set(randomValues(DIMENSIONS, row + 1), row * DIMENSIONS);
          if (row === 0) values.set(query, 0);
        }
      });
    });
  });
}
