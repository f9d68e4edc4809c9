import { NO_DEVICE, type DeviceView, type DispatchPolicy } from '@gearshift/contracts';
import { expected, optionNames, readOptions, requireFinite, requireInteger } from '@gearshift/contracts/internal';
import { learnsNothing } from './policy-state.js';

export interface ThresholdPolicyOptions {
  /** Fewer rows, candidates or nodes than this stay on the CPU. Default 64. */
  readonly gpuMinBatchSize?: number | undefined;
  /** A known speedup below this keeps the work on the CPU. Default 1.5. */
  readonly gpuSpeedupThreshold?: number | undefined;
  /** A GPU success rate below this keeps the work on the CPU, in [0, 1]. Default 0.95. */
  readonly gpuSuccessRateThreshold?: number | undefined;
  /** Never choose a GPU. Default false. */
  readonly forceCpu?: boolean | undefined;
}

/** The original's defaults. The window of speedup and success rate is the tracker's `windowSize`. */
export const THRESHOLD_DEFAULTS = {
  gpuMinBatchSize: 64,
  gpuSpeedupThreshold: 1.5,
  gpuSuccessRateThreshold: 0.95,
  forceCpu: false,
} as const;

/**
 * Fixed rules, in the order of the hybrid executor that this project is based on, applied to one snapshot:
 *
 * 1. `forceCpu`: CPU, `'forced'`
 * 2. batch < `gpuMinBatchSize`: CPU, `'too-small'`
 * 3. no GPU: CPU, `'no-device'`; none that accepts the request: CPU, `'unsupported'`; none that has memory for even the
 *    smallest piece of it: CPU, `'memory'`
 * 4. 0 < speedup < `gpuSpeedupThreshold`: CPU, `'speedup-low'`
 * 5. success rate < `gpuSuccessRateThreshold`: CPU, `'success-low'`
 * 6. otherwise the first GPU that accepts it: `'predicted-faster'`, or `'calibrating'` while no speedup is known
 *
 * Without any CPU backend there is nothing to choose: the first GPU that accepts the request, with memory for it where there
 * is one, `'forced'`.
 *
 * @throws TypeError or RangeError naming the option that is out of its range.
 */
export function thresholdPolicy(options: ThresholdPolicyOptions = {}): DispatchPolicy {
  const { gpuMinBatchSize, gpuSpeedupThreshold, gpuSuccessRateThreshold, forceCpu } = checkOptions(options);
  return {
    name: 'threshold',
    ...learnsNothing('threshold'),

    decide(work, devices, context, out) {
      const cpu = devices.findIndex(isCpu);
      const gpu = devices.findIndex(isGpuWithMemory);
      out.device = cpu;
      if (cpu === NO_DEVICE) {
        out.device = gpu === NO_DEVICE ? devices.findIndex(isSupportedGpu) : gpu;
        out.reason = out.device === NO_DEVICE ? 'unsupported' : 'forced';
      } else if (forceCpu) {
        out.reason = 'forced';
      } else if (work.batchSize < gpuMinBatchSize) {
        out.reason = 'too-small';
      } else if (gpu === NO_DEVICE) {
        out.reason = devices.some(isSupportedGpu) ? 'memory' : devices.some(isGpu) ? 'unsupported' : 'no-device';
      } else if (context.snapshot.speedup > 0 && context.snapshot.speedup < gpuSpeedupThreshold) {
        out.reason = 'speedup-low';
      } else if (!(context.snapshot.successRate >= gpuSuccessRateThreshold)) {
        out.reason = 'success-low';
      } else {
        out.device = gpu;
        out.reason = context.snapshot.speedup > 0 ? 'predicted-faster' : 'calibrating';
      }
    },

    snapshot: () => ({
      policy: 'threshold',
      options: { gpuMinBatchSize, gpuSpeedupThreshold, gpuSuccessRateThreshold, forceCpu },
    }),
  };
}

const OPTIONS = optionNames<ThresholdPolicyOptions>({
  gpuMinBatchSize: true,
  gpuSpeedupThreshold: true,
  gpuSuccessRateThreshold: true,
  forceCpu: true,
});

function checkOptions(options: ThresholdPolicyOptions) {
  const {
    gpuMinBatchSize = THRESHOLD_DEFAULTS.gpuMinBatchSize,
    gpuSpeedupThreshold = THRESHOLD_DEFAULTS.gpuSpeedupThreshold,
    gpuSuccessRateThreshold = THRESHOLD_DEFAULTS.gpuSuccessRateThreshold,
    forceCpu = THRESHOLD_DEFAULTS.forceCpu,
  } = readOptions('options', options, OPTIONS);
  requireInteger('gpuMinBatchSize', gpuMinBatchSize, 0);
  requireFinite('gpuSpeedupThreshold', gpuSpeedupThreshold, 0);
  requireFinite('gpuSuccessRateThreshold', gpuSuccessRateThreshold, 0);
  if (gpuSuccessRateThreshold > 1) {
    throw new RangeError(expected('gpuSuccessRateThreshold', 'a share from 0 to 1', gpuSuccessRateThreshold));
  }
  if (typeof forceCpu !== 'boolean') throw new TypeError(expected('forceCpu', 'a boolean', forceCpu));
  return { gpuMinBatchSize, gpuSpeedupThreshold, gpuSuccessRateThreshold, forceCpu };
}

// Not written inside decide(), where each of them would be a new object for each decision.
const isCpu = ({ kind }: DeviceView): boolean => kind === 'cpu';
const isGpu = ({ kind }: DeviceView): boolean => kind === 'gpu';
const isSupportedGpu = ({ kind, supported }: DeviceView): boolean => kind === 'gpu' && supported;
const isGpuWithMemory = (device: DeviceView): boolean => isSupportedGpu(device) && device.chunks < Infinity;
