import { createCpuBackend } from '@gearshift/backend-cpu';
import { unwrap } from '@gearshift/contracts';
import { BackendFailures } from '@gearshift/native-kit';
import { paceDawn, softwareDriver, type DriverName, type VulkanFaults } from '@gearshift/vulkan-drivers';
import { openDevice, type DeviceWishes } from '../src/device/open-device.js';
import { WebGpuDeviceBackend } from '../src/webgpu-device-backend.js';

export interface SoftwareGpu {
  readonly title: string;
  readonly isLacking: boolean;
  /** Only for the body of groups that are not skipped. */
  readonly faults: VulkanFaults;
}

// Never used: the groups that would use it are skipped.
const NO_FAULTS = undefined as unknown as VulkanFaults;

/** A driver in software with the fault layer, in this process: one for each test file. */
export function softwareGpu(name: DriverName): SoftwareGpu {
  const driver = softwareDriver(name, { faults: true });
  if (driver.lacks !== null) {
    return { title: `${name} (skipped: needs ${driver.lacks})`, isLacking: true, faults: NO_FAULTS };
  }
  driver.load();
  paceDawn();
  return { title: name, isLacking: false, faults: driver.faults };
}

/** What the device of a test should be like. */
export const DEVICE_WISHES: DeviceWishes = {
  powerPreference: 'high-performance',
  adapter: undefined,
  memoryBytes: 256 * 2 ** 20,
  hangMs: 20_000,
  allowWorkerThread: false,
  allowSoftwareDriver: true,
};

/** A backend like that of `createWebGpuBackend`, with wishes that users do not have. */
export async function openBackend(wishes: Partial<DeviceWishes> = {}): Promise<WebGpuDeviceBackend> {
  const failures = new BackendFailures('webgpu:0');
  const open = () => openDevice({ ...DEVICE_WISHES, ...wishes }, failures);
  const cpu = unwrap(await createCpuBackend({ companionBytes: 0 }));
  return new WebGpuDeviceBackend({ opened: unwrap(await open()), open, failures, cpu });
}
