// Compiles the addon and puts it where the loader looks for what was built on this machine. Downloads nothing: the headers
// come from the node-api-headers package. Nx caches the result; run it by `nx run @gearshift/backend-cpu:build-native`.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { platformName } from './platform-name.mjs';

const PACKAGE_FOLDER = fileURLToPath(new URL('..', import.meta.url));

const cmakeJs = join(dirname(createRequire(import.meta.url).resolve('cmake-js/package.json')), 'bin/cmake-js');
const { status, error } = spawnSync(
  process.execPath,
  [cmakeJs, 'build', '--directory', PACKAGE_FOLDER, '--out', join(PACKAGE_FOLDER, 'build'), '--config', 'Release'],
  { stdio: 'inherit', cwd: PACKAGE_FOLDER },
);
if (status !== 0) {
  if (error !== undefined) console.error(`cmake-js did not start: ${error.message}`);
  process.exit(status ?? 1);
}

const prebuilds = join(PACKAGE_FOLDER, 'prebuilds');
const target = join(prebuilds, platformName(), 'gearshift-cpu.node');
rmSync(prebuilds, { recursive: true, force: true });
mkdirSync(dirname(target), { recursive: true });
// Replaced in one step: a process that has the old file mapped keeps it.
copyFileSync(join(PACKAGE_FOLDER, 'build/Release/gearshift-cpu.node'), `${target}.new`);
renameSync(`${target}.new`, target);
