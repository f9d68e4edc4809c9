import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

/**
 * The program of a major version of Node.js: the running one if it has that version, else one from npx.
 *
 * @param {number} major
 */
export function findNode(major) {
  if (Number(process.versions.node.split('.')[0]) === major) return process.execPath;
  const args = ['--yes', `--package=node@${major}`, '--', 'node', '--print', 'process.execPath'];
  return execFileSync('npx', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
}

/**
 * Installs packages from a registry into an empty folder, like a user, with install scripts blocked and no network access except to the
 * registry.
 *
 * @param {{ node: string, manager: 'npm' | 'pnpm', pnpm: string, npmrc: string, cache: string, parent: string }} with_ `node` is a path, `pnpm` the pinned
 *   version such as `pnpm@12.21.0`, `cache` a folder without files of an earlier release, `parent` where the new folder is created
 * @param {readonly string[]} wanted
 * @returns {string} the folder
 */
export function installFromRegistry({ node, manager, pnpm, npmrc, cache, parent }, wanted) {
  const folder = mkdtempSync(join(parent, 'install-'));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'user-program', private: true }));
  writeFileSync(join(folder, '.npmrc'), `${npmrc}cache=${join(cache, 'npm')}\nstore-dir=${join(cache, 'pnpm')}\n`);
  const args =
    manager === 'npm'
      ? ['npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', ...wanted]
      : // By itself pnpm waits a day before it installs what was just published.
        ['npx', '--yes', pnpm, 'add', '--ignore-scripts', '--config.minimum-release-age=0', ...wanted];
  run(node, args, folder);
  return folder;
}

/** Runs a program with this Node.js first on the PATH, and returns its output; throws an error with the output when it fails. */
export function run(node, [program, ...args], folder) {
  const nowhere = 'http://127.0.0.1:9';
  const env = {
    ...process.env,
    PATH: `${dirname(node)}${delimiter}${process.env['PATH']}`,
    http_proxy: nowhere,
    https_proxy: nowhere,
    no_proxy: '127.0.0.1,localhost',
  };
  // Removed because launchers of package managers set them, and they would lead to settings and packages outside the folder.
  for (const name of Object.keys(env)) if (/^(npm_|NODE_PATH$|INIT_CWD$)/i.test(name)) delete env[name];
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd: folder, encoding: 'utf8', env });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status ?? error}:\n${stderr}${stdout}`);
  return stdout;
}

/** The origin of the packages that npm installed in a folder, by their path. */
export function resolvedByNpm(folder) {
  const { packages } = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8'));
  return Object.entries(packages).flatMap(([path, { resolved }]) =>
    resolved === undefined ? [] : [{ path, resolved }],
  );
}
