import type { Device } from '../devices/device.js';

/**
 * The devices for a request, in the order in which they are tried: `chosen`, the other guarded devices, then the CPUs, each in
 * list order. After a CPU only other CPUs are tried, because the CPU may have been the only choice.
 */
export function fallbackOrder(devices: readonly Device[], chosen: Device): readonly Device[] {
  const others = devices.filter((device) => device !== chosen);
  const plain = others.filter(({ guard }) => guard === undefined);
  if (chosen.guard === undefined) return [chosen, ...plain];
  return [chosen, ...others.filter(({ guard }) => guard !== undefined), ...plain];
}
