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
import { join, resolve } from 'node:path';
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
# run.sh [--json FILE] [--quick]: checks the GPU of this machine.
set -e
cd "$(dirname "$0")"
[ -x ./node ] || { gunzip -c node.gz > node; chmod +x node; }
exec ./node src/main.mjs --bandwidth ./gearshift-cuda-bandwidth "$@"
`;
writeFileSync(join(folder, 'run.sh'), script);
chmodSync(join(folder, 'run.sh'), 0o755);
console.log(`Ready in ${folder}. On the machine with the GPU: ./run.sh --json report.json`);

function run(program, args) {
  const { status, error } = spawnSync(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  if (error !== undefined || status !== 0) throw new Error(`${program} failed: ${error?.message ?? `exit ${status}`}`);
}
