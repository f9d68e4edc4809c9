// Compiles the kernels and the addon. Without a CUDA toolkit, or on another system than Linux, it prints why, removes what
// an earlier build left, and succeeds: the package explains to its users why there is no addon.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findNvcc } from './find-nvcc.mjs';

const PACKAGE_FOLDER = fileURLToPath(new URL('..', import.meta.url));

const lacking =
  process.platform !== 'linux'
    ? 'the CUDA addon is built on Linux only'
    : findNvcc() === null
      ? 'nvcc is missing'
      : null;
if (lacking !== null) {
  rmSync(join(PACKAGE_FOLDER, 'prebuilds'), { recursive: true, force: true });
  console.log(`Not built: ${lacking}. To build it, install a CUDA toolkit (12 or 13).`);
  process.exit(0);
}

run(join(PACKAGE_FOLDER, 'native/build-kernels.mjs'));
run(join(PACKAGE_FOLDER, '../../tools/setup/build-addon.mjs'), 'gearshift-cuda');

function run(script, ...args) {
  const { status, error } = spawnSync(process.execPath, [script, ...args], { stdio: 'inherit', cwd: PACKAGE_FOLDER });
  if (error !== undefined) console.error(`${script} did not start: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}
