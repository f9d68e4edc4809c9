import { unwrap, type Backend, type SyncBackend } from '@gearshift/contracts';
import { createCpuBackend, type CpuBackendOptions } from '@gearshift/backend-cpu';
import { describe } from 'vitest';
import type { CodePrices } from '../src/code-prices.js';
import { chooseLevel } from '../src/cpu-level.js';
import { NativeCpuBackend } from '../src/native-backend.js';
import { loadAddon } from '../src/native.js';

/** Tests of the addon, visibly skipped when it was not built. */
export const describeAddon = describe.skipIf(loadAddon().addon === null);

type Resident = Required<Pick<Backend, 'makeResident' | 'residency' | 'release'>>;

/** The same with prices of its own for codes, so that no test depends on the speed of a machine. */
export function createBackendWithPrices(prices: CodePrices, companionBytes?: number): NativeCpuBackend {
  const { addon } = loadAddon();
  if (addon === null) throw new Error('the addon did not load');
  const { index, name } = unwrap(chooseLevel(addon.levels(), undefined, undefined));
  const threads = addon.threadLimit();
  const described = {
    id: 'cpu',
    kind: 'cpu',
    device: 'any',
    version: '0.0.0',
    source: 'local',
    limitations: [],
  } as const;
  const description = { ...described, level: name, threads };
  return new NativeCpuBackend({ addon, level: index, threads, coalesce: true, description, companionBytes, prices });
}

/** A backend that uses the addon. */
export async function createNativeBackend(options?: CpuBackendOptions): Promise<SyncBackend & Resident> {
  const backend = unwrap(await createCpuBackend(options));
  if (backend.makeResident === undefined || backend.residency === undefined || backend.release === undefined) {
    throw new Error(`the addon did not load: ${backend.describe().limitations.join('; ')}`);
  }
  return backend as SyncBackend & Resident;
}
