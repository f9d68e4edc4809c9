import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { requireFrom, searchPlaces } from '@gearshift/contracts/internal';
import { loadAddon as load, type AddonPlaces, type LoadedAddon } from '@gearshift/native-kit';
import { ADDON_ABI, asCudaAddon, type CudaAddon } from './addon.js';
import { PACKAGE_VERSION } from './package-version.js';

/**
 * Finds and loads the native addon: the path in `GEARSHIFT_CUDA_ADDON`, then a build on this machine, then the platform
 * package. Every cause of failure is kept. Loading it does not use the driver.
 *
 * @throws AddonPathError when `GEARSHIFT_CUDA_ADDON` names a file that is not this addon
 */
export function loadAddon(places: Partial<AddonPlaces> = {}): LoadedAddon<CudaAddon> {
  const startingPoints = searchPlaces(import.meta.url);
  const folders = startingPoints.map((place) => dirname(place));
  return load(
    {
      title: 'CUDA',
      packageName: '@gearshift/backend-cuda',
      fileName: 'gearshift-cuda.node',
      overrideVariable: 'GEARSHIFT_CUDA_ADDON',
      version: PACKAGE_VERSION,
      abi: ADDON_ABI,
      prebuilds: pathToFileURL(join(folders.at(0) ?? process.cwd(), '../prebuilds')),
      bundleFolders: folders,
      platformPackages: {
        'linux-x64-gnu': () => requireFrom(startingPoints, '@gearshift/backend-cuda-linux-x64-gnu/gearshift-cuda.node'),
      },
      buildNeeds: 'a CUDA toolkit',
      adviceElsewhere: 'There is no CUDA addon for this platform.',
    },
    asCudaAddon,
    places,
  );
}
