import { THRESHOLD_DEFAULTS } from '@gearshift/policies';
import type { Contender } from './contender.js';
import { findDevices } from './two-devices.js';
import { withoutState } from './without-state.js';

const NAME = 'fixed-threshold';

/** Uses the GPU from a fixed number of rows; uploaded operands stay there. */
export const fixedThreshold: Contender = {
  name: NAME,
  description: `from ${THRESHOLD_DEFAULTS.gpuMinBatchSize} rows on the GPU, where data stays once sent`,
  create: () => ({
    policy: {
      ...withoutState(NAME),
      decide(work, devices, _context, out) {
        const { cpu, gpu } = findDevices(devices);
        const isLarge = work.batchSize >= THRESHOLD_DEFAULTS.gpuMinBatchSize && gpu >= 0;
        out.device = isLarge ? gpu : cpu;
        out.reason = isLarge ? 'predicted-faster' : 'too-small';
        out.keep = isLarge && !devices[gpu].holdsOperand && devices[gpu].bytesToKeep < Infinity;
      },
      observe() {},
    },
  }),
};
