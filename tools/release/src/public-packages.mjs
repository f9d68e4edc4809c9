import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGES = fileURLToPath(new URL('../../../packages/', import.meta.url));

/**
 * Everything that is published.
 *
 * @param {string} [packages] the folder `packages` of another checkout than this one
 * @returns {{ name: string, folder: string, manifest: any, isPlatform: boolean }[]} `isPlatform`: holds one native binary
 *   and no code
 */
export function listPublicPackages(packages = PACKAGES) {
  return readdirSync(packages)
    .sort()
    .map((entry) => join(packages, entry))
    .filter((folder) => existsSync(join(folder, 'package.json')))
    .map((folder) => {
      const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
      return {
        name: manifest.name,
        folder,
        manifest,
        isPlatform: manifest.nx?.tags?.includes('layer:platform') ?? false,
      };
    })
    .filter(({ manifest }) => manifest.private !== true);
}
