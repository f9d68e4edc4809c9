import type { Device } from '../devices/device.js';

/**
 * The devices for a request that goes to `chosen`, in the order in which they are tried: after it the other guarded devices,
 * then the CPUs, each in the order of the list. For a CPU only other CPUs: the CPU may have been the only choice.
 */
export function fallbackOrder(devices: readonly Device[], chosen: Device): readonly Device[] {
  const others = devices.filter((device) => device !== chosen);
  const plain = others.filter(({ guard }) => guard === undefined);
  if (chosen.guard === undefined) return [chosen, ...plain];
  return [chosen, ...others.filter(({ guard }) => guard !== undefined), ...plain];
}
