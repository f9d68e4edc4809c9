import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

/**
 * The program of a version of Node.js, by its first number: the one that runs where it is of that version, else one that npx brings.
 *
 * @param {number} major
 */
export function findNode(major) {
  if (Number(process.versions.node.split('.')[0]) === major) return process.execPath;
  const args = ['--yes', `--package=node@${major}`, '--', 'node', '--print', 'process.execPath'];
  return execFileSync('npx', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
}

/**
 * Installs packages from a registry into an empty folder, as a user would, with install scripts blocked and no way to anything on the
 * network but the registry.
 *
 * @param {{ node: string, manager: 'npm' | 'pnpm', pnpm: string, npmrc: string, cache: string, parent: string }} with_ `node` is a path, `pnpm` the pinned
 *   version such as `pnpm@12.21.0`, `cache` a folder that holds nothing of an earlier release, `parent` where the new folder is made
 * @param {readonly string[]} wanted
 * @returns {string} the folder
 */
export function installFromRegistry({ node, manager, pnpm, npmrc, cache, parent }, wanted) {
  const folder = mkdtempSync(join(parent, 'install-'));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'somebody-elses-program', private: true }));
  writeFileSync(join(folder, '.npmrc'), `${npmrc}cache=${join(cache, 'npm')}\nstore-dir=${join(cache, 'pnpm')}\n`);
  const args =
    manager === 'npm'
      ? ['npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', ...wanted]
      : // By itself pnpm waits a day before it installs what was just published.
        ['npx', '--yes', pnpm, 'add', '--ignore-scripts', '--config.minimum-release-age=0', ...wanted];
  run(node, args, folder);
  return folder;
}

/** Runs a program with this Node.js before all others, and returns what it prints; throws with all that it printed when it fails. */
export function run(node, [program, ...args], folder) {
  const nowhere = 'http://127.0.0.1:9';
  const env = {
    ...process.env,
    PATH: `${dirname(node)}${delimiter}${process.env['PATH']}`,
    http_proxy: nowhere,
    https_proxy: nowhere,
    no_proxy: '127.0.0.1,localhost',
  };
  // Launchers of package managers set them, and with them other settings and other packages than those of the folder would be found.
  for (const name of Object.keys(env)) if (/^(npm_|NODE_PATH$|INIT_CWD$)/i.test(name)) delete env[name];
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd: folder, encoding: 'utf8', env });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status ?? error}:\n${stderr}${stdout}`);
  return stdout;
}

/** Where npm took the packages of a folder from, by their place in it. */
export function resolvedByNpm(folder) {
  const { packages } = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8'));
  return Object.entries(packages).flatMap(([path, { resolved }]) =>
    resolved === undefined ? [] : [{ path, resolved }],
  );
}
