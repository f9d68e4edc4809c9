import { cpus } from 'node:os';
import type { Backend, DeviceKind } from '@gearshift/contracts';

/** Measurements are valid for a device as long as all of this is the same; `null` where the device does not report it. */
export interface DeviceIdentity {
  /** Id of the backend. */
  readonly id: string;
  readonly kind: DeviceKind;
  /** Its name for people. */
  readonly device: string;
  readonly driver: string | null;
  /** The package that drives it: its version, where its code came from, and the level of instructions it uses. */
  readonly build: string;
  readonly threads: number | null;
  /** Model of the machine's CPU: it feeds every GPU. */
  readonly cpuModel: string;
}

const COMPARED = [
  ['kind', 'its kind'],
  ['device', 'the device'],
  ['driver', 'its driver'],
  ['build', 'the build of its backend'],
  ['threads', 'its number of threads'],
  ['cpuModel', 'the CPU model'],
] as const;

export function identifyDevices(backends: readonly Backend[]): DeviceIdentity[] {
  const cpuModel = cpus()[0]?.model.trim() ?? 'unknown';
  return backends.map((backend) => {
    const { device, driver = null, version, source, level, threads = null } = backend.describe();
    const build = [version, source, ...(level === undefined ? [] : [level])].join(' ');
    return { id: backend.id, kind: backend.kind, device, driver, build, threads, cpuModel };
  });
}

/** The first difference between two devices of one id, for people; `undefined` where they are the same. */
export function differenceOf(then: DeviceIdentity, now: DeviceIdentity): string | undefined {
  for (const [key, name] of COMPARED) {
    if (then[key] !== now[key]) return `${name} was '${then[key] ?? 'unknown'}', is '${now[key] ?? 'unknown'}'`;
  }
  return undefined;
}
