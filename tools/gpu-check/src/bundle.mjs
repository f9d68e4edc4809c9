// node bundle.mjs FOLDER
//
// Writes everything that gpu-check needs on a machine without Node and network to FOLDER: this machine's Node (compressed),
// the built packages, and a script `run.sh` that unpacks and starts it.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { createGzip } from 'node:zlib';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const PACKAGES = [
  'packages/contracts',
  'packages/native-kit',
  'packages/tracker',
  'packages/splitter',
  'packages/policies',
  'packages/dispatcher',
  'packages/backend-cpu',
  'packages/backend-cuda',
  'packages/backend-webgpu',
  'packages/gearshift',
  'packages/testing',
];

const target = process.argv[2];
if (target === undefined) throw new Error('usage: node bundle.mjs FOLDER');
const folder = resolve(target);
rmSync(folder, { recursive: true, force: true });
const modules = join(folder, 'node_modules');
for (const path of PACKAGES) {
  const from = join(ROOT, path);
  const { name } = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8'));
  const to = join(modules, name);
  mkdirSync(to, { recursive: true });
  for (const part of ['package.json', 'dist', 'prebuilds']) {
    if (existsSync(join(from, part))) cpSync(join(from, part), join(to, part), { recursive: true });
  }
}
// Dawn for this platform, and the loader of Vulkan, which a machine without a desktop lacks.
const dawn = dirname(createRequire(join(ROOT, 'packages/backend-webgpu/package.json')).resolve('webgpu'));
const binaries = join('dist', `${process.platform}-${process.arch}`);
for (const part of ['package.json', 'index.js', binaries]) {
  cpSync(join(dawn, part), join(modules, 'webgpu', part), { recursive: true, dereference: true });
}
cpSync(join(ROOT, 'tools/vulkan-drivers/build/swiftshader/libvulkan.so.1'), join(folder, 'vulkan/libvulkan.so.1'));
writeFileSync(
  join(folder, 'vulkan/nvidia.json'),
  JSON.stringify({ file_format_version: '1.0.0', ICD: { library_path: 'libGLX_nvidia.so.0', api_version: '1.3.0' } }),
);
cpSync(join(ROOT, 'tools/gpu-check/src'), join(folder, 'src'), { recursive: true });
writeFileSync(join(folder, 'package.json'), `${JSON.stringify({ type: 'module' })}\n`);

const build = join(ROOT, 'packages/backend-cuda/build/bench');
run('cmake', [
  '-S',
  join(ROOT, 'packages/backend-cuda'),
  '-B',
  build,
  '-DGEARSHIFT_BENCH=ON',
  '-DCMAKE_BUILD_TYPE=Release',
]);
run('cmake', ['--build', build, '--parallel', '2', '--target', 'gearshift-cuda-bandwidth']);
cpSync(join(build, 'gearshift-cuda-bandwidth'), join(folder, 'gearshift-cuda-bandwidth'));

await pipeline(
  createReadStream(process.execPath),
  createGzip({ level: 9 }),
  createWriteStream(join(folder, 'node.gz')),
);
const script = `#!/bin/sh
# run.sh [--backend cuda|webgpu] [--json FILE] [--quick]: checks the GPU of this machine.
set -e
cd "$(dirname "$0")"
[ -x ./node ] || { gunzip -c node.gz > node; chmod +x node; }
export LD_LIBRARY_PATH="$PWD/vulkan:$LD_LIBRARY_PATH" VK_ADD_DRIVER_FILES="$PWD/vulkan/nvidia.json" XDG_RUNTIME_DIR="\${XDG_RUNTIME_DIR:-/tmp}"
exec ./node src/main.mjs --bandwidth ./gearshift-cuda-bandwidth "$@"
`;
writeFileSync(join(folder, 'run.sh'), script);
chmodSync(join(folder, 'run.sh'), 0o755);
console.log(
  `Ready in ${folder}. On the machine with the GPU: ./run.sh --json cuda.json; ./run.sh --backend webgpu --json webgpu.json`,
);

function run(program, args) {
  const { status, error } = spawnSync(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  if (error !== undefined || status !== 0) throw new Error(`${program} failed: ${error?.message ?? `exit ${status}`}`);
}
