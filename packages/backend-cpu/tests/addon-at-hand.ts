import { unwrap, type Backend, type SyncBackend } from '@gearshift/contracts';
import { createCpuBackend, type CpuBackendOptions } from '@gearshift/backend-cpu';
import { describe } from 'vitest';
import { loadAddon } from '../src/native.js';

/** Tests of the addon, visibly skipped when it was not built. */
export const describeAddon = describe.skipIf(loadAddon().addon === null);

type Resident = Required<Pick<Backend, 'makeResident' | 'residency' | 'release'>>;

/** A backend that uses the addon. */
export async function createNativeBackend(options?: CpuBackendOptions): Promise<SyncBackend & Resident> {
  const backend = unwrap(await createCpuBackend(options));
  if (backend.makeResident === undefined || backend.residency === undefined || backend.release === undefined) {
    throw new Error(`the addon did not load: ${backend.describe().limitations.join('; ')}`);
  }
  return backend as SyncBackend & Resident;
}
