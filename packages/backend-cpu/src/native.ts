import { createRequire } from 'node:module';
import { loadAddon as load, type AddonPlaces, type LoadedAddon } from '@gearshift/native-kit';
import { ADDON_ABI, asCpuAddon, type CpuAddon } from './addon.js';
import { PACKAGE_VERSION } from './package-version.js';

const require = createRequire(import.meta.url);

/**
 * Finds and loads the native addon: the path in `GEARSHIFT_CPU_ADDON`, then a build on this machine, then the
 * platform package. Never throws; every cause of failure is kept.
 */
export function loadAddon(places: Partial<AddonPlaces> = {}): LoadedAddon<CpuAddon> {
  return load(
    {
      title: 'CPU',
      packageName: '@gearshift/backend-cpu',
      fileName: 'gearshift-cpu.node',
      overrideVariable: 'GEARSHIFT_CPU_ADDON',
      version: PACKAGE_VERSION,
      abi: ADDON_ABI,
      prebuilds: new URL('../prebuilds', import.meta.url),
      platformPackages: {
        'linux-x64-gnu': () => require('@gearshift/backend-cpu-linux-x64-gnu/gearshift-cpu.node') as unknown,
      },
      adviceElsewhere:
        'There is no prebuilt addon for this platform: build it from the repository with "npx nx run @gearshift/backend-cpu:build-native" and name the file in GEARSHIFT_CPU_ADDON.',
    },
    asCpuAddon,
    places,
  );
}
