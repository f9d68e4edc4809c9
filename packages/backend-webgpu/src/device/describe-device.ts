import type { BackendDescription } from '@gearshift/contracts';
import { PACKAGE_VERSION } from '../package-version.js';
import { dawnVersion } from './dawn.js';
import type { OpenedDevice } from './open-device.js';

export const BACKEND_ID = 'webgpu:0';

/** What drivers report differs: some give no model, and some nothing but an architecture. */
export function describeDevice({ info, isSoftware }: OpenedDevice): BackendDescription {
  const names = [info.device, info.description, info.architecture, info.vendor].filter((name) => name !== '');
  return {
    id: BACKEND_ID,
    kind: 'gpu',
    device: names[0] ?? 'a GPU',
    version: PACKAGE_VERSION,
    source: 'prebuilt',
    driver: [info.description, `webgpu ${dawnVersion()}`].filter((name) => name !== '').join(', '),
    limitations: isSoftware ? ['a software driver: the CPU runs the kernels of the GPU'] : [],
  };
}
