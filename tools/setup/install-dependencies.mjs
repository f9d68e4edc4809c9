import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { log } from './log.mjs';
import { runCommand } from './run-command.mjs';
import { listProjects, readRootManifest, ROOT } from './workspace.mjs';

const MARKER = join(ROOT, 'node_modules', '.gearshift-installed');

/**
 * Installs exactly what the lockfile lists, with the pnpm version that package.json pins; does nothing when that was done
 * already. pnpm comes through npx: the machine needs npm only.
 *
 * @returns {Promise<boolean>} whether the dependencies are there now
 */
export async function installDependencies() {
  const wanted = describeInstallation();
  if (existsSync(MARKER) && readFileSync(MARKER, 'utf8') === wanted) return true;
  const pnpm = readRootManifest().packageManager;
  log(`Installing dependencies with ${pnpm} ...`);
  const settings = [
    // Without it pnpm stops to ask before it replaces modules that another version of it installed.
    '--config.confirm-modules-purge=false',
    // npx started the pinned version already; pnpm's own check of the pin fails where a registry lacks its signatures.
    '--pm-on-fail=ignore',
  ];
  const args = ['--yes', pnpm, 'install', '--frozen-lockfile', ...settings];
  const code = await runCommand('npx', args, { env: { npm_config_update_notifier: 'false' } });
  if (code !== 0) {
    log(
      `Installing failed (exit code ${code}). Is the npm registry reachable? Dependencies come from 'npm config get registry'.`,
    );
    return false;
  }
  writeFileSync(MARKER, wanted);
  return true;
}

/** Changes whenever the installed tree could: lockfile, manifests, settings, platform. */
function describeInstallation() {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}`);
  const manifests = listProjects().map(({ folder }) => `${folder}/package.json`);
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'package.json', ...manifests]) {
    hash.update(`\n${file}\n`).update(readFileSync(join(ROOT, file)));
  }
  return hash.digest('hex');
}
