import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { paceDawn, softwareDriver, type DriverName, type SoftwareDriver, type VulkanFaults } from '../src/index.js';
import {
  createBuffer,
  createPipeline,
  double,
  errorOf,
  requestAdapter,
  requestDevice,
  submit,
  submitLongWork,
  VALUE_COUNT,
} from './gpu.js';

const MIB = 2 ** 20;
const DOUBLED = Float32Array.from({ length: VALUE_COUNT }, (_, index) => 2 * index);
const CHILD = fileURLToPath(new URL('./fixtures/describe-adapter.mjs', import.meta.url));

/** The tests of one driver with the fault layer, in a process of their own. */
export function testDriver(name: DriverName, adapterName: RegExp): void {
  const found = softwareDriver(name, { faults: true });
  const title = found.lacks === null ? name : `${name} (skipped: needs ${found.lacks})`;

  describe.skipIf(found.lacks !== null)(title, () => {
    const driver = found as SoftwareDriver<VulkanFaults>;
    const { faults } = driver;
    const devices: GPUDevice[] = [];

    async function openDevice(): Promise<GPUDevice> {
      const device = await requestDevice();
      devices.push(device);
      return device;
    }

    beforeAll(() => {
      driver.load();
      paceDawn();
    });
    afterEach(() => {
      faults.clear();
      for (const device of devices.splice(0)) device.destroy();
    });
    afterAll(() => faults.close());

    it('runs a compute shader in this process', async () => {
      const { info } = await requestAdapter();
      expect(`${info.architecture} ${info.device} ${info.description}`).toMatch(adapterName);
      expect(await double(await openDevice())).toEqual(DOUBLED);
    });

    it('runs in a child process that gets only its variables', async () => {
      const { env } = softwareDriver(name) as SoftwareDriver;
      const { stdout } = await promisify(execFile)(process.execPath, [CHILD], { env });
      expect(stdout).toMatch(adapterName);
    });

    it('counts devices, allocations, submits, pipelines and fences', async () => {
      const before = faults.read();
      const device = await openDevice();
      await double(device);
      const during = faults.read();
      expect(during.devices).toBe(before.devices + 1);
      expect(during.liveDevices).toBe(1);
      expect(during.allocations).toBeGreaterThan(before.allocations);
      expect(during.submits).toBeGreaterThan(before.submits);
      expect(during.pipelines).toBe(before.pipelines + 1);
      expect(during.fences).toBeGreaterThan(before.fences);
    });

    it('has all memory back when a device is destroyed', async () => {
      const device = await openDevice();
      await double(device);
      createBuffer(device, 20 * MIB);
      const { bytesInUse, peakBytes, liveAllocations } = faults.read();
      expect(bytesInUse).toBeGreaterThanOrEqual(20 * MIB);
      expect(peakBytes).toBeGreaterThanOrEqual(bytesInUse);
      expect(liveAllocations).toBeGreaterThan(0);
      device.destroy();
      const after = faults.read();
      expect(after).toMatchObject({ liveDevices: 0, liveAllocations: 0, bytesInUse: 0 });
      expect(after.frees).toBe(after.allocations - after.failedAllocations);
    });

    it('fails one allocation as out of memory', async () => {
      const device = await openDevice();
      const { failedAllocations: before } = faults.read();
      faults.fail('allocation', 2);
      const create = () => createBuffer(device, 20 * MIB);
      const errors = [];
      for (let i = 0; i < 3; i++) errors.push(await errorOf(device, 'out-of-memory', create));
      expect(errors.map((error) => error?.constructor.name)).toEqual([undefined, 'GPUOutOfMemoryError', undefined]);
      expect(faults.read().failedAllocations).toBe(before + 1);
    });

    it('fails all allocations from one on until the faults are cleared', async () => {
      const device = await openDevice();
      faults.fail('allocation', 2, { forGood: true });
      const fails = async () => (await errorOf(device, 'out-of-memory', () => createBuffer(device, 20 * MIB))) !== null;
      expect([await fails(), await fails(), await fails()]).toEqual([false, true, true]);
      faults.clear();
      expect(await fails()).toBe(false);
    });

    it('never gives out more memory than the limit, and gives out freed memory again', async () => {
      const device = await openDevice();
      const { bytesInUse: before } = faults.read();
      faults.limitMemory(before + 100 * MIB);
      const buffers: GPUBuffer[] = [];
      const add = () => errorOf(device, 'out-of-memory', () => buffers.push(createBuffer(device, 30 * MIB)));
      expect([await add(), await add(), await add()]).toEqual([null, null, null]);
      expect((await add())?.constructor.name).toBe('GPUOutOfMemoryError');
      expect(faults.read().bytesInUse).toBeLessThanOrEqual(before + 100 * MIB);
      for (const buffer of buffers) buffer.destroy();
      // Dawn frees memory at one of the next submits, on a busy machine not always at the first.
      for (let round = 0; round < 100 && faults.read().bytesInUse > before; round++) await submit(device);
      expect(faults.read().bytesInUse).toBe(before);
      expect(await add()).toBeNull();
    });

    it('loses a device at a submit, and the next device works', async () => {
      const device = await openDevice();
      faults.fail('submit', 2);
      await submit(device);
      await submit(device).catch(() => undefined);
      expect((await device.lost).reason).toBe('unknown');
      expect(await double(await openDevice())).toEqual(DOUBLED);
    });

    it('loses each new device while the fault is for good', async () => {
      faults.fail('submit', 1, { forGood: true });
      for (let i = 0; i < 2; i++) {
        const device = await openDevice();
        await submit(device).catch(() => undefined);
        expect((await device.lost).reason).toBe('unknown');
      }
      faults.clear();
      expect(await double(await openDevice())).toEqual(DOUBLED);
    });

    it('loses a device while it waits for work', async () => {
      const device = await openDevice();
      faults.fail('fence', 1);
      await submit(device).catch(() => undefined);
      expect((await device.lost).message).toMatch(/Fence.*VK_ERROR_DEVICE_LOST/);
      expect(await double(await openDevice())).toEqual(DOUBLED);
    });

    it('lets the driver finish its work before a device is lost, so that memory can be freed at once', async () => {
      const device = await openDevice();
      faults.fail('fence', 1);
      const buffer = await submitLongWork(device);
      await device.lost;
      buffer.destroy();
      device.destroy();
      expect(faults.read()).toMatchObject({ liveDevices: 0, bytesInUse: 0 });
      expect(await double(await openDevice())).toEqual(DOUBLED);
    });

    it('fails one pipeline', async () => {
      const device = await openDevice();
      faults.fail('pipeline', 1);
      await expect(createPipeline(device)).rejects.toMatchObject({ name: 'GPUPipelineError', reason: 'internal' });
      expect(await double(device)).toEqual(DOUBLED);
    });

    it('fails a call with another result than the usual one', async () => {
      const device = await openDevice();
      faults.fail('pipeline', 1, { result: 'device-lost' });
      await createPipeline(device).catch(() => undefined);
      // Dawn reports a failed pipeline only; the device is lost at its next call.
      await submit(device);
      expect((await device.lost).message).toContain('vkQueueSubmit failed with VK_ERROR_DEVICE_LOST');
    });

    it('holds back the end of submitted work until the delay is removed', async () => {
      const device = await openDevice();
      faults.delaySubmits(3_600_000);
      const order: string[] = [];
      const done = submit(device).then(() => order.push('done'));
      const { fences } = faults.read();
      while (faults.read().fences < fences + 100) await new Promise(setImmediate);
      order.push('released');
      faults.delaySubmits(0);
      await done;
      expect(order).toEqual(['released', 'done']);
    });

    it('lets the destruction of a device wait for work that is held back', async () => {
      const device = await openDevice();
      faults.delaySubmits(50);
      const start = performance.now();
      const done = submit(device);
      device.destroy();
      expect(performance.now() - start).toBeGreaterThanOrEqual(50);
      await done;
    });
  });
}
