import { totalmem } from 'node:os';
import { createCpuBackend } from '@gearshift/backend-cpu';
import { ok, type Backend, type BackendError, type Result } from '@gearshift/contracts';
import {
  expected,
  optionNames,
  readOptions,
  requireFinite,
  requireInteger,
  requireOneOf,
} from '@gearshift/contracts/internal';
import { BackendFailures } from '@gearshift/native-kit';
import { BACKEND_ID } from './device/describe-device.js';
import { openDevice } from './device/open-device.js';
import { WebGpuDeviceBackend } from './webgpu-device-backend.js';

export const POWER_PREFERENCES = ['high-performance', 'low-power'] as const;

export interface WebGpuBackendOptions {
  /** Which GPU to use on a machine with several. Default `'high-performance'`. */
  readonly powerPreference?: (typeof POWER_PREFERENCES)[number] | undefined;
  /** Only a GPU with this text in its name. */
  readonly adapter?: string | undefined;
  /**
   * How many bytes all copies and buffers on the device may take together: WebGPU does not report the memory of a device. Default: a quarter
   * of the memory of the host, at most {@link MOST_DEFAULT_BYTES}.
   */
  readonly memoryBytes?: number | undefined;
  /** Milliseconds after which the device counts as hung when it has not ended a piece of work. Default {@link DEFAULT_HANG_MS}. */
  readonly hangMs?: number | undefined;
  /**
   * Also start in a worker thread. A worker thread that ends with work of WebGPU under way ends the process, so that `close()` must be
   * called and awaited first. Default false.
   */
  readonly allowWorkerThread?: boolean | undefined;
  /** Also use a driver in software, with which the CPU runs the kernels of the GPU, slower than the CPU backend. Default false. */
  readonly allowSoftwareDriver?: boolean | undefined;
}

export const DEFAULT_HANG_MS = 30_000;
export const MOST_DEFAULT_BYTES = 8 * 2 ** 30;

const OPTIONS = optionNames<WebGpuBackendOptions>({
  powerPreference: true,
  adapter: true,
  memoryBytes: true,
  hangMs: true,
  allowWorkerThread: true,
  allowSoftwareDriver: true,
});

/**
 * A GPU as a backend, through WebGPU (Dawn, in the package `webgpu`): by Vulkan on Linux, Metal on macOS and Direct3D on Windows. Importing this
 * package loads nothing; this call loads Dawn. Prints nothing if there is no GPU.
 *
 * @returns kind `'unsupported'` with the reason when there is no GPU that WebGPU can use, only a driver in software, or in a worker thread
 * @throws TypeError or RangeError for invalid options
 *
 * @example
 * const gpu = await createWebGpuBackend();
 * if (!gpu.ok) console.log(gpu.error.message); // why there is none
 */
export async function createWebGpuBackend(options: WebGpuBackendOptions = {}): Promise<Result<Backend, BackendError>> {
  const given = readOptions('options', options, OPTIONS);
  const {
    powerPreference = 'high-performance',
    adapter,
    allowWorkerThread = false,
    allowSoftwareDriver = false,
  } = given;
  requireOneOf('powerPreference', POWER_PREFERENCES, powerPreference);
  if (adapter !== undefined && typeof adapter !== 'string')
    throw new TypeError(expected('adapter', 'a string', adapter));
  for (const [name, value] of Object.entries({ allowWorkerThread, allowSoftwareDriver })) {
    if (typeof value !== 'boolean') throw new TypeError(expected(name, 'a boolean', value));
  }
  const memoryBytes =
    given.memoryBytes === undefined
      ? Math.min(MOST_DEFAULT_BYTES, Math.floor(totalmem() / 4))
      : requireInteger('memoryBytes', given.memoryBytes, 1);
  const hangMs = given.hangMs === undefined ? DEFAULT_HANG_MS : requireFinite('hangMs', given.hangMs);
  if (hangMs <= 0) throw new RangeError(`hangMs: expected a number above 0, got ${hangMs}`);

  const failures = new BackendFailures(BACKEND_ID);
  const wishes = { powerPreference, adapter, memoryBytes, hangMs, allowWorkerThread, allowSoftwareDriver };
  const opened = await openDevice(wishes, failures);
  if (!opened.ok) return opened;
  const cpu = await createCpuBackend({ companionBytes: 0 });
  if (!cpu.ok) {
    opened.value.gpu.destroy();
    return failures.of('unsupported', `no CPU backend for rows with NaN or infinities: ${cpu.error.message}`);
  }
  return ok(
    new WebGpuDeviceBackend({
      opened: opened.value,
      open: () => openDevice(wishes, failures),
      failures,
      cpu: cpu.value,
    }),
  );
}
