import { NO_DEVICE, type DeviceView, type DispatchPolicy } from '@gearshift/contracts';
import { expected } from '@gearshift/contracts/internal';
import { learnsNothing } from './policy-state.js';

/**
 * Always chooses the device with this id, `'forced'`. Where there is no such device (`'no-device'`), or it does not support
 * the request (`'unsupported'`), the CPU runs it, unless the dispatcher is strict: then the request fails.
 *
 * @param deviceId id of a backend, such as `'cpu'` or `'cuda:0'`.
 * @throws TypeError when it is not a string, RangeError when it is empty.
 */
export function pinnedPolicy(deviceId: string): DispatchPolicy {
  if (typeof deviceId !== 'string') throw new TypeError(expected('deviceId', 'the id of a backend', deviceId));
  if (deviceId === '') throw new RangeError(expected('deviceId', 'the id of a backend', deviceId));
  const isPinned = ({ id }: DeviceView): boolean => id === deviceId;
  const isOtherCpu = ({ id, kind }: DeviceView): boolean => id !== deviceId && kind === 'cpu';
  return {
    name: 'pinned',
    ...learnsNothing('pinned'),

    decide(_work, devices, { strict }, out) {
      const pinned = devices.findIndex(isPinned);
      if (pinned >= 0 && devices[pinned].supported) {
        out.device = pinned;
        out.reason = 'forced';
      } else {
        out.device = strict ? NO_DEVICE : devices.findIndex(isOtherCpu);
        out.reason = pinned >= 0 ? 'unsupported' : 'no-device';
      }
    },

    snapshot: () => ({ policy: 'pinned', options: { deviceId } }),
  };
}
