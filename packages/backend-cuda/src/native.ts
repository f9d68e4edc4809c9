import { createRequire } from 'node:module';
import { loadAddon as load, type AddonPlaces, type LoadedAddon } from '@gearshift/native-kit';
import { ADDON_ABI, asCudaAddon, type CudaAddon } from './addon.js';
import { PACKAGE_VERSION } from './package-version.js';

const require = createRequire(import.meta.url);

/**
 * Finds and loads the native addon: the path in `GEARSHIFT_CUDA_ADDON`, then a build on this machine, then the platform
 * package. Never throws; every cause of failure is kept. Loading it does not use the driver.
 */
export function loadAddon(places: Partial<AddonPlaces> = {}): LoadedAddon<CudaAddon> {
  return load(
    {
      title: 'CUDA',
      packageName: '@gearshift/backend-cuda',
      fileName: 'gearshift-cuda.node',
      overrideVariable: 'GEARSHIFT_CUDA_ADDON',
      version: PACKAGE_VERSION,
      abi: ADDON_ABI,
      prebuilds: new URL('../prebuilds', import.meta.url),
      platformPackages: {
        'linux-x64-gnu': () => require('@gearshift/backend-cuda-linux-x64-gnu/gearshift-cuda.node') as unknown,
      },
      buildNeeds: 'a CUDA toolkit',
      adviceElsewhere: 'There is no CUDA addon for this platform.',
    },
    asCudaAddon,
    places,
  );
}
