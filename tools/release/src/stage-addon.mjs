import { copyFileSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { listPublicPackages } from './public-packages.mjs';

const PREBUILDS = fileURLToPath(new URL('../../../packages/backend-cpu/prebuilds/', import.meta.url));
const ADDON = 'gearshift-cpu.node';

/**
 * Puts the addons that `build-native` made into their platform packages, where packing finds them, and removes older ones. In a release
 * the builds of every platform were collected in `prebuilds` before; on one machine there is its own.
 *
 * @returns {string[]} names of the platform packages that have their addon now
 */
export function stageAddons() {
  return listPublicPackages()
    .filter(({ isPlatform }) => isPlatform)
    .filter(({ name, folder }) => {
      const built = join(PREBUILDS, name.replace('@gearshift/backend-cpu-', ''), ADDON);
      const isBuilt = existsSync(built);
      if (isBuilt) copyFileSync(built, join(folder, ADDON));
      else rmSync(join(folder, ADDON), { force: true });
      return isBuilt;
    })
    .map(({ name }) => name);
}
