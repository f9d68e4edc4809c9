import { createMatrix, createTopKOutput, prepareTopK, unwrap } from '@gearshift/contracts';
import { randomValues } from '@gearshift/testing';
import type { DriverName } from '@gearshift/vulkan-drivers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDevice } from '../src/device/open-device.js';
import { BackendFailures } from '@gearshift/native-kit';
import type { WebGpuDeviceBackend } from '../src/webgpu-device-backend.js';
import { SETS } from './companion-sets.js';
import { DEVICE_WISHES, openBackend, softwareGpu } from './software-gpu.js';

const DIMENSIONS = 24;

/**
 * Rankings with kernels that exchange values between the lanes of a subgroup beside those with plain kernels.
 *
 * @param lanes of a subgroup of the driver, and numbers below
 * @param used those that the device uses by itself
 */
export function testSubgroups(name: DriverName, lanes: readonly number[], used: number | undefined): void {
  const { title, isLacking, faults } = softwareGpu(name);

  describe.skipIf(isLacking)(`kernels with subgroups, on ${title}`, () => {
    let plain: WebGpuDeviceBackend;

    beforeAll(async () => {
      plain = await openBackend({ subgroupLanes: 0 });
    });
    afterAll(async () => {
      await plain?.close();
      faults.close();
    });

    test('a device uses subgroups that are long enough', async () => {
      const { gpu } = unwrap(await openDevice(DEVICE_WISHES, new BackendFailures('webgpu:0')));
      expect(gpu.features.subgroupLanes).toBe(used);
      gpu.destroy();
    });

    test.for(lanes)('rankings by %i lanes together have the bits of plain kernels', async (subgroupLanes) => {
      const backend = await openBackend({ subgroupLanes });
      const wishes = { ...DEVICE_WISHES, subgroupLanes };
      const { gpu } = unwrap(await openDevice(wishes, new BackendFailures('webgpu:0')));
      expect(gpu.features.subgroupLanes).toBe(subgroupLanes);
      gpu.destroy();
      const query = randomValues(3 * DIMENSIONS, 2);
      for (const set of ['random', 'duplicates']) {
        for (const rows of [70, 1500]) {
          const values = SETS[set](rows, DIMENSIONS, rows);
          for (const companion of ['none', 'int8'] as const) {
            const matrix = createMatrix(values, { dimensions: DIMENSIONS, companion });
            for (const each of [backend, plain]) unwrap(await each.makeResident(matrix));
            for (const metric of ['cosine', 'euclidean'] as const) {
              for (const [k, queries] of [
                [10, 3],
                [220, 1],
              ]) {
                const asked = { query: query.subarray(0, queries * DIMENSIONS), queries, metric, k: Math.min(k, rows) };
                const request = prepareTopK({ operation: 'top-k', matrix, ...asked });
                const [mine, expected] = [createTopKOutput(request), createTopKOutput(request)];
                unwrap(await backend.topK(request, mine));
                unwrap(await plain.topK(request, expected));
                expect(mine, `${set}, ${rows} rows, ${companion}, ${metric}, k ${k}`).toEqual(expected);
              }
            }
            for (const each of [backend, plain]) each.release(matrix);
          }
        }
      }
      await backend.close();
    });
  });
}
