import { ok, type Backend, type BackendError, type BackendErrorKind, type Result } from '@gearshift/contracts';
import { requireFinite, requireInteger, requireObject } from '@gearshift/contracts/internal';
import { ADDON_STATUS, describeBrokenPlaces } from '@gearshift/native-kit';
import { CudaFailures } from './cuda-failures.js';
import { loadAddon } from './native.js';
import { PACKAGE_VERSION } from './package-version.js';

export interface CudaBackendOptions {
  /** Which device, by the driver's numbering (and `CUDA_VISIBLE_DEVICES`). Default 0. */
  readonly device?: number | undefined;
  /**
   * How long a piece of work, which takes some milliseconds by design, may take before the device counts as hung, in
   * milliseconds. The first backend of a device in the process decides. Default {@link DEFAULT_HANG_MS}.
   */
  readonly hangMs?: number | undefined;
}

export const DEFAULT_HANG_MS = 30_000;

/**
 * A CUDA device as a backend. Importing the package loads nothing; this loads the addon, which asks the system for the NVIDIA
 * driver. Nothing is printed, whatever is missing.
 *
 * @returns kind `'unsupported'` when there is no driver, no such device, no permission, or a driver that is too old: the
 *   message says which; `'device-lost'` when the device was lost before in this process; `'out-of-memory'` when the host has no memory for it
 * @throws TypeError or RangeError for options that are not what they should be
 *
 * @example
 * const cuda = await createCudaBackend();
 * if (!cuda.ok) console.log(cuda.error.message); // why there is none
 */
export async function createCudaBackend(options: CudaBackendOptions = {}): Promise<Result<Backend, BackendError>> {
  requireObject('options', options);
  // Own properties alone: a polluted Object.prototype changes nothing.
  const given: CudaBackendOptions = { __proto__: null, ...options } as CudaBackendOptions;
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

/** A device that cannot be opened is one that this machine does not support, whatever the driver's reason. */
function kindOfRefusal(status: number): BackendErrorKind {
  if (status === ADDON_STATUS.deviceLost) return 'device-lost';
  return status === ADDON_STATUS.noHostMemory ? 'out-of-memory' : 'unsupported';
}

/** How many CUDA devices the driver knows; 0 where there is no addon or no driver. */
export async function countCudaDevices(): Promise<number> {
  return loadAddon().addon?.countDevices() ?? 0;
}
