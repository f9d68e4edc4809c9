// Compiles the kernels and the addon, and puts it where the loader looks for what was built on this machine. Downloads
// nothing: the headers come from the node-api-headers package. Without a CUDA toolkit, or elsewhere than on Linux, it says so,
// removes what an earlier build left, and succeeds: the package tells its users why there is no addon.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findNvcc } from './find-nvcc.mjs';
import { platformName } from './platform-name.mjs';

const PACKAGE_FOLDER = fileURLToPath(new URL('..', import.meta.url));
const prebuilds = join(PACKAGE_FOLDER, 'prebuilds');

const lacking =
  process.platform !== 'linux'
    ? 'the CUDA addon is built on Linux only'
    : findNvcc() === null
      ? 'nvcc is missing'
      : null;
if (lacking !== null) {
  rmSync(prebuilds, { recursive: true, force: true });
  console.log(`Not built: ${lacking}. To build it, install a CUDA toolkit (12 or 13).`);
  process.exit(0);
}

run(process.execPath, [join(PACKAGE_FOLDER, 'native/build-kernels.mjs')]);
const cmakeJs = join(dirname(createRequire(import.meta.url).resolve('cmake-js/package.json')), 'bin/cmake-js');
const build = join(PACKAGE_FOLDER, 'build');
run(process.execPath, [cmakeJs, 'build', '--directory', PACKAGE_FOLDER, '--out', build, '--config', 'Release']);

const target = join(prebuilds, platformName(), 'gearshift-cuda.node');
rmSync(prebuilds, { recursive: true, force: true });
mkdirSync(dirname(target), { recursive: true });
// Replaced in one step: a process that has the old file mapped keeps it.
copyFileSync(join(build, 'Release/gearshift-cuda.node'), `${target}.new`);
renameSync(`${target}.new`, target);

function run(program, args) {
  const { status, error } = spawnSync(program, args, { stdio: 'inherit', cwd: PACKAGE_FOLDER });
  if (error !== undefined) console.error(`${program} did not start: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}
