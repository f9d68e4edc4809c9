import { NO_DEVICE, type DispatchPolicy } from '@gearshift/contracts';
import { expected } from '@gearshift/contracts/internal';
import { learnsNothing } from './stateless-policy.js';

/**
 * Always the device of this id, `'forced'`. Where there is none of that id (`'no-device'`), or it does not accept the
 * request (`'unsupported'`), the CPU does the work, unless the dispatcher is strict: then the request fails.
 *
 * @param deviceId id of a backend, such as `'cpu'` or `'cuda:0'`.
 * @throws TypeError when it is not a string, RangeError when it is empty.
 */
export function pinnedPolicy(deviceId: string): DispatchPolicy {
  if (typeof deviceId !== 'string') throw new TypeError(expected('deviceId', 'the id of a backend', deviceId));
  if (deviceId === '') throw new RangeError(expected('deviceId', 'the id of a backend', deviceId));
  return {
    name: 'pinned',
    ...learnsNothing('pinned'),

    decide(_work, devices, { strict }, out) {
      let cpu = NO_DEVICE;
      out.reason = 'no-device';
      for (let i = 0; i < devices.length; i++) {
        const device = devices[i];
        if (device.id === deviceId) {
          if (device.supported) {
            out.device = i;
            out.reason = 'forced';
            return;
          }
          out.reason = 'unsupported';
        } else if (cpu === NO_DEVICE && device.kind === 'cpu') {
          cpu = i;
        }
      }
      out.device = strict ? NO_DEVICE : cpu;
    },

    snapshot: () => ({ policy: 'pinned', options: { deviceId } }),
  };
}
