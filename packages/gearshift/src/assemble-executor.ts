import { nativeRows } from '@gearshift/backend-cpu';
import { OPERATIONS, type Backend, type NativeRows } from '@gearshift/contracts';
import { optionNames, readOptions, requireInteger, requireObject } from '@gearshift/contracts/internal';
import { createDispatcher } from '@gearshift/dispatcher';
import { adaptivePolicy, importCalibration } from '@gearshift/policies';
import { createTracker, type Tracker } from '@gearshift/tracker';
import { DispatchingExecutor } from './dispatching-executor.js';
import type { BackendStatus, Executor, ExecutorMemory, ExecutorOptions } from './executor.js';
import { openBackends } from './open-backends.js';
import { NoBackendError } from './run-errors.js';

const OPTIONS = optionNames<ExecutorOptions>({
  backends: true,
  policy: true,
  fallback: true,
  memory: true,
  verifyEveryNth: true,
  hangLimits: true,
  maxPending: true,
  calibration: true,
  tracker: true,
  threads: true,
  coalesce: true,
});

const MEMORY_OPTIONS = optionNames<ExecutorMemory>({
  capBytes: true,
  usableFraction: true,
  reserveBytes: true,
  companionBytes: true,
});

/** @param from file URL from which the packages of GPU backends are resolved first */
export async function assembleExecutor(options: ExecutorOptions, from: string | undefined): Promise<Executor> {
  const given = readOptions('options', options, OPTIONS);
  const { policy = adaptivePolicy(), tracker = createTracker(), calibration } = given;
  const { fallback, verifyEveryNth, hangLimits, maxPending } = given;
  const { companionBytes, ...memory } = readOptions('memory', given.memory, MEMORY_OPTIONS);
  if (companionBytes !== undefined && companionBytes !== Infinity) {
    requireInteger('memory.companionBytes', companionBytes, 0);
  }
  if (calibration !== undefined) requireObject('calibration', calibration);
  const cpuOptions = { threads: given.threads, coalesce: given.coalesce, companionBytes };
  const { backends, opened, statuses } = await openBackends(given.backends, cpuOptions, from);
  if (backends.length === 0) throw new NoBackendError(statuses);
  try {
    const dispatcher = createDispatcher({
      backends,
      policy,
      tracker,
      fallback,
      memory,
      verifyEveryNth,
      hangLimits,
      maxPending,
    });
    // Fails here, not after the first request, if the tracker lacks an operation or a device.
    for (const operation of OPERATIONS) tracker.snapshot(operation);
    for (const backend of backends) requireDevice(tracker, backend);
    const calibrated = calibration === undefined ? null : importCalibration(dispatcher, calibration);
    return new DispatchingExecutor(dispatcher, tracker, opened, statuses, calibrated, nativeRowsFor(statuses));
  } catch (mistake) {
    await Promise.all(opened.map((backend) => backend.close()));
    throw mistake;
  }
}

/** Native code for stored matrices, unless the CPU backend does without it too. */
function nativeRowsFor(statuses: readonly BackendStatus[]): NativeRows | undefined {
  const usesAddon = statuses.some(
    ({ description }) => description?.kind === 'cpu' && description.source !== 'portable',
  );
  return usesAddon ? nativeRows() : undefined;
}

function requireDevice({ devices }: Tracker, { id, kind }: Backend): void {
  if (devices.includes(kind) || devices.includes(id)) return;
  throw new RangeError(
    `tracker.devices: expected '${kind}' among them, for the backend '${id}', got ${devices.join(', ')}`,
  );
}
