import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { log } from './log.mjs';
import { runCommand } from './run-command.mjs';
import { listProjects, readRootManifest, ROOT } from './workspace.mjs';

const MARKER = join(ROOT, 'node_modules', '.gearshift-installed');

/**
 * Installs exactly the dependencies of the lockfile, with the pnpm version that package.json pins; does nothing if that was
 * done already. npx provides pnpm, so the machine needs only npm.
 *
 * @param {{ output?: 'stderr' | 'on-failure' }} [options] where pnpm's output goes, as in `runCommand`
 * @returns {Promise<boolean>} whether the dependencies are installed
 */
export async function installDependencies({ output = 'stderr' } = {}) {
  const wanted = describeInstallation();
  if (existsSync(MARKER) && readFileSync(MARKER, 'utf8') === wanted) return true;
  const pnpm = readRootManifest().packageManager;
  log(`Installing dependencies with ${pnpm} ...`);
  const settings = [
    // Otherwise pnpm asks before it replaces modules of another pnpm version.
    '--config.confirm-modules-purge=false',
    // npx has started the pinned version already; pnpm's check of the pin fails with a registry without its signatures.
    '--pm-on-fail=ignore',
  ];
  const args = ['--yes', pnpm, 'install', '--frozen-lockfile', ...settings];
  const code = await runCommand('npx', args, { output, env: { npm_config_update_notifier: 'false' } });
  if (code !== 0) {
    log(
      `Installing failed (exit code ${code}). Is the npm registry reachable? Dependencies come from 'npm config get registry'.`,
    );
    return false;
  }
  writeFileSync(MARKER, wanted);
  return true;
}

/** Changes with everything that affects the installed tree: lockfile, manifests, settings, platform. */
function describeInstallation() {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}`);
  const manifests = listProjects().map(({ folder }) => `${folder}/package.json`);
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'package.json', ...manifests]) {
    hash.update(`\n${file}\n`).update(readFileSync(join(ROOT, file)));
  }
  return hash.digest('hex');
}
