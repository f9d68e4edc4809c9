import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { requireFrom, searchPlaces } from '@gearshift/contracts/internal';
import { loadAddon as load, type AddonPlaces, type LoadedAddon } from '@gearshift/native-kit';
import { ADDON_ABI, asCpuAddon, type CpuAddon } from './addon.js';
import { PACKAGE_VERSION } from './package-version.js';

/**
 * Finds and loads the native addon: the path in `GEARSHIFT_CPU_ADDON`, then a build on this machine, then the
 * platform package. Every cause of failure is kept.
 *
 * @throws AddonPathError when `GEARSHIFT_CPU_ADDON` names a file that is not this addon
 */
export function loadAddon(places: Partial<AddonPlaces> = {}): LoadedAddon<CpuAddon> {
  const startingPoints = searchPlaces(import.meta.url);
  const folders = startingPoints.map((place) => dirname(place));
  return load(
    {
      title: 'CPU',
      packageName: '@gearshift/backend-cpu',
      fileName: 'gearshift-cpu.node',
      overrideVariable: 'GEARSHIFT_CPU_ADDON',
      version: PACKAGE_VERSION,
      abi: ADDON_ABI,
      prebuilds: pathToFileURL(join(folders.at(0) ?? process.cwd(), '../prebuilds')),
      bundleFolders: folders,
      platformPackages: {
        'linux-x64-gnu': () => requireFrom(startingPoints, '@gearshift/backend-cpu-linux-x64-gnu/gearshift-cpu.node'),
      },
      adviceElsewhere:
        'There is no prebuilt addon for this platform: build it from the repository with "npx nx run @gearshift/backend-cpu:build-native" and name the file in GEARSHIFT_CPU_ADDON.',
    },
    asCpuAddon,
    places,
  );
}
