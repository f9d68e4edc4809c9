import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeCommonJsTypes } from './commonjs-types.mjs';
import { listPublicPackages } from './public-packages.mjs';

const HERE = fileURLToPath(new URL('../../../', import.meta.url));

/**
 * Packs every public package the way a release does: with the pinned pnpm, which replaces `workspace:` ranges and lifts
 * `os`, `cpu` and `libc` out of `publishConfig`. npm's own pack does neither.
 *
 * @param {string} destination an existing folder
 * @param {string} [root] of another checkout than this one
 * @returns {{ name: string, isPlatform: boolean, tarball: string, files: string[], manifest: any, source: any }[]}
 *   `files` are relative to the package; `manifest` is the packed package.json, `source` the one in the repository
 */
export function packPackages(destination, root = HERE) {
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  for (const { folder } of listPublicPackages(join(root, 'packages'))) writeCommonJsTypes(folder);
  const args = ['--yes', packageManager, '--pm-on-fail=ignore', '--recursive', '--filter=./packages/*', 'pack'];
  execFileSync('npx', [...args, '--pack-destination', destination], {
    cwd: root,
    encoding: 'utf8',
    stdio: 'pipe',
    shell: process.platform === 'win32',
  });
  return listPublicPackages(join(root, 'packages')).map(({ name, manifest: source, isPlatform }) => {
    const tarball = join(destination, `${name.replace('@', '').replace('/', '-')}-${source.version}.tgz`);
    const files = tar('-tzf', tarball)
      .trim()
      .split('\n')
      .map((file) => file.replace(/^package\//, ''))
      .sort();
    return {
      name,
      isPlatform,
      tarball,
      files,
      manifest: JSON.parse(tar('-xOzf', tarball, 'package/package.json')),
      source,
    };
  });
}

function tar(...args) {
  return execFileSync('tar', args, { encoding: 'utf8' });
}
