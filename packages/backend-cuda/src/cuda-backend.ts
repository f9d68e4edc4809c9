import { ok, type Backend, type BackendError, type BackendErrorKind, type Result } from '@gearshift/contracts';
import { optionNames, readOptions, requireFinite, requireInteger } from '@gearshift/contracts/internal';
import { ADDON_STATUS, describeBrokenPlaces } from '@gearshift/native-kit';
import { CudaFailures } from './cuda-failures.js';
import { loadAddon } from './native.js';
import { PACKAGE_VERSION } from './package-version.js';

export interface CudaBackendOptions {
  /** Number of the device, as the driver counts (with `CUDA_VISIBLE_DEVICES`). Default 0. */
  readonly device?: number | undefined;
  /**
   * Milliseconds after which the device counts as hung when a piece of work has not ended; a piece normally takes a few
   * milliseconds. The first backend of a device in the process sets it. Default {@link DEFAULT_HANG_MS}.
   */
  readonly hangMs?: number | undefined;
}

export const DEFAULT_HANG_MS = 30_000;

const OPTIONS = optionNames<CudaBackendOptions>({ device: true, hangMs: true });

/**
 * A CUDA device as a backend. Importing the package loads nothing; this call loads the addon, which loads the NVIDIA driver.
 * Prints nothing if one of them is missing.
 *
 * @returns kind `'unsupported'` when there is no driver, no such device, no permission, or the driver is too old: the message
 *   says which; `'device-lost'` when the device was lost earlier in this process; `'out-of-memory'` when the host lacks memory
 * @throws TypeError or RangeError for invalid options; AddonPathError when `GEARSHIFT_CUDA_ADDON` names a file that is not this addon
 *
 * @example
 * const cuda = await createCudaBackend();
 * if (!cuda.ok) console.log(cuda.error.message); // why there is none
 */
export async function createCudaBackend(options: CudaBackendOptions = {}): Promise<Result<Backend, BackendError>> {
  const given = readOptions('options', options, OPTIONS);
  const ordinal = given.device === undefined ? 0 : requireInteger('device', given.device, 0);
  const hangMs = given.hangMs === undefined ? DEFAULT_HANG_MS : requireFinite('hangMs', given.hangMs);
  if (hangMs <= 0) throw new RangeError(`hangMs: expected a number above 0, got ${hangMs}`);

  const id = `cuda:${ordinal}`;
  const failures = new CudaFailures(id);
  const loaded = loadAddon();
  if (loaded.addon === null) return failures.of('unsupported', loaded.explanation);
  const { addon, source } = loaded;
  const opened = addon.openDevice(ordinal, hangMs);
  if (opened.status !== 0) {
    return failures.of(
      kindOfRefusal(opened.status),
      opened.reason,
      opened.code === 0 ? {} : { nativeCode: opened.code },
    );
  }
  // Imported here, so that a machine without a device does not load it.
  const { CudaDeviceBackend } = await import('./cuda-device-backend.js');
  return ok(
    new CudaDeviceBackend({
      addon,
      device: opened.handle,
      description: {
        id,
        kind: 'gpu',
        device: opened.name,
        version: PACKAGE_VERSION,
        source,
        level: `sm_${opened.computeMajor}${opened.computeMinor}`,
        driver: `CUDA ${Math.floor(opened.driverVersion / 1000)}.${Math.floor((opened.driverVersion % 1000) / 10)}`,
        limitations: describeBrokenPlaces(loaded.failures),
      },
    }),
  );
}

/** A device that cannot be opened is unsupported, for any reason of the driver. */
function kindOfRefusal(status: number): BackendErrorKind {
  if (status === ADDON_STATUS.deviceLost) return 'device-lost';
  return status === ADDON_STATUS.noHostMemory ? 'out-of-memory' : 'unsupported';
}

/** The number of CUDA devices of the driver; 0 without an addon or a driver. */
export async function countCudaDevices(): Promise<number> {
  return loadAddon().addon?.countDevices() ?? 0;
}
