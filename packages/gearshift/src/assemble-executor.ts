import { OPERATIONS, type Backend } from '@gearshift/contracts';
import { expected, requireObject } from '@gearshift/contracts/internal';
import { createDispatcher } from '@gearshift/dispatcher';
import { adaptivePolicy, importCalibration } from '@gearshift/policies';
import { createTracker, type Tracker } from '@gearshift/tracker';
import { DispatchingExecutor } from './dispatching-executor.js';
import type { Executor, ExecutorOptions } from './executor.js';
import { openBackends } from './open-backends.js';
import { NoBackendError } from './run-errors.js';

const OPTION_NAMES: readonly (keyof ExecutorOptions)[] = [
  'backends',
  'policy',
  'fallback',
  'memory',
  'verifyEveryNth',
  'hangLimits',
  'calibration',
  'tracker',
  'threads',
];

/** @param from file URL from which the packages of GPU backends are resolved first */
export async function assembleExecutor(options: ExecutorOptions, from: string | undefined): Promise<Executor> {
  requireObject('options', options);
  for (const name of Object.keys(options)) {
    // Otherwise a misspelt option, or one of another version, would silently have no effect.
    if (!OPTION_NAMES.some((known) => known === name)) {
      throw new TypeError(expected('options', `only ${OPTION_NAMES.join(', ')}`, name));
    }
  }
  const { policy = adaptivePolicy(), tracker = createTracker(), calibration } = options;
  const { fallback, memory, verifyEveryNth, hangLimits } = options;
  if (calibration !== undefined) requireObject('calibration', calibration);
  const { backends, opened, statuses } = await openBackends(options.backends, options.threads, from);
  if (backends.length === 0) throw new NoBackendError(statuses);
  try {
    const dispatcher = createDispatcher({ backends, policy, tracker, fallback, memory, verifyEveryNth, hangLimits });
    // Fails here, not after the first request, if the tracker lacks an operation or a device.
    for (const operation of OPERATIONS) tracker.snapshot(operation);
    for (const backend of backends) requireDevice(tracker, backend);
    const calibrated = calibration === undefined ? null : importCalibration(dispatcher, calibration);
    return new DispatchingExecutor(dispatcher, tracker, opened, statuses, calibrated);
  } catch (mistake) {
    await Promise.all(opened.map((backend) => backend.close()));
    throw mistake;
  }
}

function requireDevice({ devices }: Tracker, { id, kind }: Backend): void {
  if (devices.includes(kind) || devices.includes(id)) return;
  throw new RangeError(
    `tracker.devices: expected '${kind}' among them, for the backend '${id}', got ${devices.join(', ')}`,
  );
}
