import { createMatrix, createTopKOutput, prepareTopK, unwrap } from '@gearshift/contracts';
import { randomValues } from '@gearshift/testing';
import { describeBackendContract } from '@gearshift/testing/vitest';
import type { DriverName } from '@gearshift/vulkan-drivers';
import { afterAll, describe, expect, test } from 'vitest';
import { createWebGpuBackend } from '../src/index.js';
import { softwareGpu } from './software-gpu.js';

/** The contract on one driver, in a process of its own. */
export function testContract(name: DriverName, device: RegExp): void {
  const { title, isLacking, faults } = softwareGpu(name);

  describe.skipIf(isLacking)(`the WebGPU backend on ${title}`, () => {
    describeBackendContract('the WebGPU backend', async () =>
      unwrap(await createWebGpuBackend({ allowSoftwareDriver: true })),
    );

    afterAll(() => {
      const { liveDevices, liveAllocations, allocations } = faults.read();
      expect(allocations).toBeGreaterThan(100);
      expect({ liveDevices, liveAllocations }).toEqual({ liveDevices: 0, liveAllocations: 0 });
      faults.close();
    });

    test('the phases of a request are measured with timestamps of the device', async () => {
      const backend = unwrap(await createWebGpuBackend({ allowSoftwareDriver: true }));
      const matrix = createMatrix(randomValues(4096 * 64, 1), { dimensions: 64 });
      const request = prepareTopK({ operation: 'top-k', matrix, query: randomValues(64, 2), k: 5 });
      const phases = unwrap(await backend.topK(request, createTopKOutput(request)));
      expect(phases.fused).toBe(false);
      expect(Math.min(phases.uploadMs, phases.kernelMs, phases.downloadMs)).toBeGreaterThan(0);
      const { queueMs, uploadMs, kernelMs, downloadMs, totalMs } = phases;
      expect(queueMs + uploadMs + kernelMs + downloadMs).toBeCloseTo(totalMs, 6);
      await backend.close();
    });

    test('the first request waits for its kernels in the queue, and a later one does not', async () => {
      const backend = unwrap(await createWebGpuBackend({ allowSoftwareDriver: true }));
      const matrix = createMatrix(randomValues(256 * 16, 1), { dimensions: 16 });
      const request = prepareTopK({ operation: 'top-k', matrix, query: randomValues(16, 2), k: 5 });
      const first = unwrap(await backend.topK(request, createTopKOutput(request)));
      const second = unwrap(await backend.topK(request, createTopKOutput(request)));
      expect(first.queueMs).toBeGreaterThan(5);
      expect(second.queueMs).toBeLessThan(first.queueMs / 10);
      await backend.close();
    });

    test('a copy that is asked for just before close() is refused', async () => {
      const backend = unwrap(await createWebGpuBackend({ allowSoftwareDriver: true }));
      const matrix = createMatrix(randomValues(4096 * 64, 1), { dimensions: 64 });
      const making = backend.makeResident?.(matrix);
      const closing = backend.close();
      expect(await making).toMatchObject({
        ok: false,
        error: { kind: 'unsupported', message: expect.stringContaining('closed') },
      });
      await closing;
    });

    test('the description names the driver, and says that it is one in software', async () => {
      const backend = unwrap(await createWebGpuBackend({ allowSoftwareDriver: true }));
      const description = backend.describe();
      expect(description).toMatchObject({ id: 'webgpu:0', kind: 'gpu', source: 'prebuilt' });
      expect(`${description.device} ${description.driver}`).toMatch(device);
      expect(description.driver).toMatch(/webgpu \d+\.\d+\.\d+/);
      expect(description.limitations).toEqual(['a software driver: the CPU runs the kernels of the GPU']);
      await backend.close();
    });
  });
}
