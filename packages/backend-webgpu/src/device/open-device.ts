import { isMainThread } from 'node:worker_threads';
import { ok, type BackendError, type Result } from '@gearshift/contracts';
import { describeThrown } from '@gearshift/contracts/internal';
import type { BackendFailures } from '@gearshift/native-kit';
import { lacksVulkanLoader, openDawn } from './dawn.js';
import { GpuDevice } from './gpu-device.js';
import { hidesSoftwareDrivers, withoutSoftwareDrivers } from './hide-software-drivers.js';
import { KernelClock } from './kernel-clock.js';
import { lacksGpu } from './linux-gpus.js';
import { subgroupLanesOf } from './subgroups.js';

export interface DeviceWishes {
  readonly powerPreference: GPUPowerPreference;
  /** A part of the name of the adapter. */
  readonly adapter: string | undefined;
  readonly memoryBytes: number;
  readonly hangMs: number;
  readonly allowWorkerThread: boolean;
  readonly allowSoftwareDriver: boolean;
  /** Smaller buffers than the device allows, for tests of what is larger than one. */
  readonly mostBufferBytes?: number | undefined;
  /** How many lanes of a subgroup kernels may use, 0 for none, instead of as many as the device has, for tests. */
  readonly subgroupLanes?: number | undefined;
}

export interface OpenedDevice {
  readonly gpu: GpuDevice;
  readonly info: GPUAdapterInfo;
  readonly isSoftware: boolean;
}

/**
 * The kernels write the memory of a workgroup before they read it. Drivers in software take a second a kernel to compile that Dawn sets it to
 * zero before. Times of kernels are to be exact; browsers round them, because pages might measure each other.
 */
const FLAGS = ['enable-dawn-features=disable_workgroup_init', 'disable-dawn-features=timestamp_quantization'];

/** Limits of the adapter that the device should have; the others stay at their defaults. */
const WANTED_LIMITS = ['maxBufferSize', 'maxStorageBufferBindingSize'] as const;

const OPTIONAL_FEATURES = ['timestamp-query', 'subgroups'] as const;

/**
 * A new device of a new adapter: an adapter gives only one.
 *
 * @returns kind `'unsupported'` with the reason when there is none
 */
export async function openDevice(
  wishes: DeviceWishes,
  failures: BackendFailures,
): Promise<Result<OpenedDevice, BackendError>> {
  if (!isMainThread && !wishes.allowWorkerThread) {
    return failures.of(
      'unsupported',
      'WebGPU runs on the main thread only: the end of a worker thread with work under way would abort the process',
    );
  }
  const lacks = (wishes.allowSoftwareDriver ? undefined : lacksGpu()) ?? lacksVulkanLoader();
  if (lacks !== undefined) return failures.of('unsupported', lacks);
  try {
    const { powerPreference, allowSoftwareDriver } = wishes;
    const isHiding = hidesSoftwareDrivers(allowSoftwareDriver);
    const flags = wishes.adapter === undefined ? FLAGS : [...FLAGS, `adapter=${wishes.adapter}`];
    const dawn = await openDawn(flags, isHiding ? 'without drivers in software' : '');
    const look = () => dawn.requestAdapter({ powerPreference });
    const adapter = isHiding ? await withoutSoftwareDrivers(look) : await look();
    if (adapter === null) return failures.of('unsupported', noAdapter(wishes));
    const isSoftware = isSoftwareDriver(adapter.info);
    if (isSoftware && !allowSoftwareDriver) {
      return failures.of(
        'unsupported',
        `only a driver in software (${adapter.info.description}), slower than the CPU backend; allowSoftwareDriver: true uses it`,
      );
    }
    const requiredLimits = Object.fromEntries(WANTED_LIMITS.map((name) => [name, adapter.limits[name]]));
    const requiredFeatures = OPTIONAL_FEATURES.filter((name) => adapter.features.has(name));
    const device = await adapter.requestDevice({ requiredLimits, requiredFeatures });
    const { memoryBytes, hangMs, mostBufferBytes } = wishes;
    const clock = await KernelClock.open(device);
    const gpu = new GpuDevice({ device, failures, memoryBytes, hangMs, mostBufferBytes, clock });
    gpu.features = { subgroupLanes: await subgroupLanesOf(gpu, dawn, adapter, wishes.subgroupLanes) };
    return ok({ gpu, info: adapter.info, isSoftware });
  } catch (thrown) {
    return failures.of('unsupported', `WebGPU did not start: ${describeThrown(thrown)}`);
  }
}

function noAdapter({ adapter }: DeviceWishes): string {
  return adapter === undefined
    ? 'no GPU that WebGPU can use'
    : `no GPU with '${adapter}' in its name that WebGPU can use`;
}

function isSoftwareDriver({ isFallbackAdapter, description, device, architecture }: GPUAdapterInfo): boolean {
  return (
    isFallbackAdapter || /swiftshader|llvmpipe|lavapipe|basic render/i.test(`${description} ${device} ${architecture}`)
  );
}
