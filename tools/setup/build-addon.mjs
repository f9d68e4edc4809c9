// node build-addon.mjs NAME, in the folder of a package
//
// Compiles the addon of the package's CMakeLists.txt, and puts NAME.node where the loader looks for local builds. Downloads
// nothing: the headers come from the node-api-headers package. Run by `nx run PACKAGE:build-native`; Nx caches the result.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { currentPlatform } from '@gearshift/native-kit';
import { forgetMovedBuild } from './forget-moved-build.mjs';

const [name] = process.argv.slice(2);
if (name === undefined) throw new Error('usage: build-addon.mjs NAME');
const folder = process.cwd();
const build = join(folder, 'build');
forgetMovedBuild(build);

const cmakeJs = join(
  dirname(createRequire(join(folder, 'package.json')).resolve('cmake-js/package.json')),
  'bin/cmake-js',
);
const args = [cmakeJs, 'build', '--directory', folder, '--out', build, '--config', 'Release'];
const { status, error } = spawnSync(process.execPath, args, { stdio: 'inherit', cwd: folder });
if (error !== undefined) console.error(`cmake-js did not start: ${error.message}`);
if (status !== 0) process.exit(status ?? 1);

const prebuilds = join(folder, 'prebuilds');
const target = join(prebuilds, currentPlatform(), `${name}.node`);
rmSync(prebuilds, { recursive: true, force: true });
mkdirSync(dirname(target), { recursive: true });
// Replaced in one step: a process that has the old file mapped keeps it.
copyFileSync(join(build, `Release/${name}.node`), `${target}.new`);
renameSync(`${target}.new`, target);
