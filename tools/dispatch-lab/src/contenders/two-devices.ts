import type { DeviceView } from '@gearshift/contracts';

/** The devices of the lab by kind: -1 if none accepts the request. */
export function findDevices(devices: readonly DeviceView[]): { cpu: number; gpu: number } {
  const find = (kind: DeviceView['kind']) => devices.findIndex((device) => device.kind === kind && device.supported);
  return { cpu: find('cpu'), gpu: find('gpu') };
}
