// Compiles the simulated driver and the addon that tests hold it by, where there is a C++ compiler and CMake. Linux only.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('..', import.meta.url));
const output = join(FOLDER, 'prebuilds');

if (process.platform !== 'linux') {
  rmSync(output, { recursive: true, force: true });
  console.log('Not built: the simulated CUDA driver runs on Linux.');
  process.exit(0);
}
const cmakeJs = join(dirname(createRequire(import.meta.url).resolve('cmake-js/package.json')), 'bin/cmake-js');
const args = [cmakeJs, 'build', '--directory', FOLDER, '--out', join(FOLDER, 'build'), '--config', 'Release'];
const { status, error } = spawnSync(process.execPath, args, { stdio: 'inherit', cwd: FOLDER });
if (error !== undefined) console.error(`cmake-js did not start: ${error.message}`);
if (status !== 0) process.exit(status ?? 1);

rmSync(output, { recursive: true, force: true });
mkdirSync(output, { recursive: true });
// CMake says where each target goes: cmake-js puts libraries into Release, and so ends up the driver.
for (const file of ['libcuda.so.1', 'cuda-simulator.node']) {
  copyFileSync(join(FOLDER, 'build/Release', file), join(output, `${file}.new`));
  renameSync(join(output, `${file}.new`), join(output, file));
}
