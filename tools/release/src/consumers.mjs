import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const FOLDER = fileURLToPath(new URL('../consumers/', import.meta.url));
const require = createRequire(join(FOLDER, 'package.json'));

/** Installs the programs with which users build, test and run Gearshift, outside the workspace, if they are not there yet. */
export function installConsumers() {
  if (existsSync(join(FOLDER, 'node_modules/webpack'))) return;
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error'];
  const { status, stderr } = spawnSync('npm', args, { cwd: FOLDER, encoding: 'utf8' });
  if (status !== 0) throw new Error(`esbuild, webpack, Jest and others cannot be installed: ${stderr}`);
}

/** Imports one of them. */
export function importConsumer(name) {
  return import(pathToFileURL(require.resolve(name)).href);
}

/** The path of a file of one of them, such as `jest/bin/jest.js`; undefined if there is none for this system. */
export function consumerFile(path) {
  const file = join(FOLDER, 'node_modules', path);
  return existsSync(file) ? file : undefined;
}
