import { cpus } from 'node:os';
import type { Backend } from '@gearshift/contracts';
import type { DeviceIdentity } from './calibration.js';

export function identifyDevices(backends: readonly Backend[]): DeviceIdentity[] {
  const cpuModel = cpus()[0]?.model.trim() ?? 'unknown';
  return backends.map((backend) => {
    const { device, driver = null, version, source, level, threads = null } = backend.describe();
    const build = [version, source, ...(level === undefined ? [] : [level])].join(' ');
    return { id: backend.id, kind: backend.kind, device, driver, build, threads, cpuModel };
  });
}

/** In what two devices of one id differ, for people; `undefined` where they are the same. */
export function differenceOf(then: DeviceIdentity, now: DeviceIdentity): string | undefined {
  for (const name of ['kind', 'device', 'driver', 'build', 'threads', 'cpuModel'] as const) {
    if (then[name] !== now[name])
      return `${NAMES[name]} was '${then[name] ?? 'unknown'}', is '${now[name] ?? 'unknown'}'`;
  }
  return undefined;
}

const NAMES = {
  kind: 'its kind',
  device: 'the device',
  driver: 'its driver',
  build: 'the build of its backend',
  threads: 'its number of threads',
  cpuModel: 'the CPU model',
} as const;
