// node dry-run.mjs [--node 20,22,24] [--json FILE] [--keep]
//
// A complete release to a registry on this machine: a clean clone of HEAD is versioned with changesets, built, checked, packed and published
// there; then every package is installed from it and used, like a user would. One line of JSON at the end has the counts (goal R18). Missing
// settings for a real release are listed and are no violations.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { checkBundlers } from './bundler-checks.mjs';
import { findNode, installFromRegistry, resolvedByNpm } from './clean-install.mjs';
import { installConsumers } from './consumers.mjs';
import { runBoth, runProgram } from './install-tarballs.mjs';
import { startLocalRegistry } from './local-registry.mjs';
import { packPackages } from './pack-packages.mjs';
import { AFTER_SETTING, missingMetadata, readMetadata } from './package-metadata.mjs';
import { ADDON, installScripts, unlistedFiles } from './package-rules.mjs';
import { listPublicPackages } from './public-packages.mjs';
import { inPublishOrder } from './publish-order.mjs';
import { checkJest, checkOtherRuntimes, checkVitest } from './runtime-checks.mjs';
import { SMOKE_PROGRAMS } from './smoke-programs.mjs';
import { checkBundle, checkDoctor, checkMetrics, checkTypes } from './user-checks.mjs';

const PLATFORM_PACKAGE = `@gearshift/backend-cpu-${process.platform}-${process.arch}`;
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const { values: options } = parseArgs({
  options: {
    node: { type: 'string', default: '20,22,24' },
    json: { type: 'string' },
    keep: { type: 'boolean', default: false },
  },
});
const log = (message) => console.error(message);
const startedAt = Date.now();
const folder = mkdtempSync(join(tmpdir(), 'gearshift-release-'));
const checkout = join(folder, 'checkout');
const { packageManager: pnpm } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const problems = [];
const found = { installScripts: 0, unlistedFiles: 0, networkAccess: 0 };
let installs = 0;
let registry;

try {
  takeCheckout();
  versionPackages();
  buildAndCheck();
  writeReference();
  const packed = pack();
  registry = await startLocalRegistry(
    join(folder, 'registry'),
    packed.map(({ name }) => name),
  );
  publish(packed);
  const hasAddon = packed.some(
    ({ name, files }) => name.startsWith(PLATFORM_PACKAGE) && files.some((file) => ADDON.test(file)),
  );
  for (const major of options.node.split(',').map(Number)) await useOn(major, hasAddon);
  await useAsNewcomer(hasAddon);
} catch (error) {
  problems.push(error.message);
} finally {
  registry?.stop();
  if (!options.keep) rmSync(folder, { recursive: true, force: true });
}
for (const problem of problems) log(`  ${problem}`);
const beforePublishing = missingMetadata(readMetadata());
if (beforePublishing.length > 0) {
  log(`Not set yet; a real release stops until it is (${AFTER_SETTING}):`);
  for (const missing of beforePublishing) log(`  ${missing}`);
}
const line = {
  goal: 'R18',
  count: installs,
  violations: problems.length + found.installScripts + found.unlistedFiles + found.networkAccess,
  ...found,
  seconds: Math.round((Date.now() - startedAt) / 1000),
  tier: 'local registry',
};
console.log(JSON.stringify(line));
if (options.json !== undefined)
  writeFileSync(options.json, `${JSON.stringify({ ...line, problems, beforePublishing }, null, 2)}\n`);
process.exitCode = line.violations === 0 ? 0 : 1;

function takeCheckout() {
  log('Cloning HEAD ...');
  if (execFileSync('git', ['status', '--porcelain'], { cwd: ROOT, encoding: 'utf8' }) !== '') {
    log('  What is not committed here is not part of it.');
  }
  execFileSync('git', ['clone', '--quiet', ROOT, checkout]);
  inCheckout('npx', ['--yes', pnpm, '--pm-on-fail=ignore', 'install', '--frozen-lockfile']);
}

function versionPackages() {
  log('Versioning with changesets ...');
  inCheckout('npm', ['run', 'version-packages']);
  for (const { name, manifest, isPlatform } of listPublicPackages(join(checkout, 'packages'))) {
    if (manifest.version === '0.0.0') problems.push(`${name}: no changeset gives it a version`);
    const loader = listPublicPackages(join(checkout, 'packages')).find(
      (other) => isPlatform && !other.isPlatform && name.startsWith(`${other.name}-`),
    );
    if (loader !== undefined && loader.manifest.version !== manifest.version) {
      problems.push(`${name} is ${manifest.version}, its loader ${loader.manifest.version}`);
    }
  }
}

function buildAndCheck() {
  log('Building and checking the packages ...');
  inCheckout('node_modules/.bin/nx', ['run', '@gearshift/release:check-packages']);
}

/** The check of the workflow before it publishes. */
function writeReference() {
  log('Writing the API reference ...');
  inCheckout('node', ['tools/api-reference/src/write-docs.mjs']);
}

function pack() {
  log('Packing ...');
  const tarballs = join(folder, 'tarballs');
  mkdirSync(tarballs);
  const packed = packPackages(tarballs, checkout);
  log(`  ${'package'.padEnd(40)} version  files      KiB`);
  for (const entry of packed) {
    const kib = (statSync(entry.tarball).size / 1024).toFixed(1);
    const { name, manifest, files } = entry;
    log(`  ${name.padEnd(40)} ${manifest.version.padEnd(7)} ${String(files.length).padStart(6)} ${kib.padStart(8)}`);
    found.installScripts += installScripts(entry).length;
    found.unlistedFiles += unlistedFiles(entry).length;
  }
  return packed;
}

function publish(packed) {
  log('Publishing to a registry on this machine ...');
  writeFileSync(join(folder, '.npmrc'), registry.npmrc);
  for (const { tarball } of inPublishOrder(packed)) {
    execFileSync('npm', ['publish', tarball, '--access', 'public', '--loglevel=error'], { cwd: folder, stdio: 'pipe' });
  }
}

/** Every package alone, with both package managers, from ES modules and CommonJS. */
async function useOn(major, hasAddon) {
  const node = findNode(major);
  for (const manager of ['npm', 'pnpm']) {
    log(`Node ${major}, ${manager}: ${SMOKE_PROGRAMS.length} packages, each alone ...`);
    for (const { name, from, names, body, answer } of SMOKE_PROGRAMS) {
      await attempt(`${name} with ${manager} on Node ${major}`, () => {
        const installed = install(node, manager, [name]);
        const answers = runBoth(installed, from ?? name, names, body, node);
        if (!answers.every((each) => isDeepStrictEqual(each, answer))) {
          throw new Error(`expected ${JSON.stringify(answer)}, got ${JSON.stringify(answers)}`);
        }
        rmSync(installed, { recursive: true, force: true });
      });
    }
    await attempt(`the native code with ${manager} on Node ${major}`, () => {
      const installed = install(node, manager, ['@gearshift/backend-cpu']);
      const code = `require('@gearshift/backend-cpu').createCpuBackend().then(async ({ value }) => {
        console.log(JSON.stringify(value.describe().source));
        await value.close();
      });`;
      const source = runProgram(installed, 'cjs', code, node);
      if (hasAddon && source !== 'prebuilt') throw new Error(`expected the prebuilt addon, got ${source}`);
      rmSync(installed, { recursive: true, force: true });
    });
  }
}

/** Features from the READMEs and the documentation: the command, types, metrics, bundlers, test runners, other runtimes. */
async function useAsNewcomer(hasAddon) {
  log('The command, types, metrics, bundlers, test runners, Bun, Deno ...');
  installConsumers();
  const wanted = [
    ...SMOKE_PROGRAMS.map(({ name }) => name),
    '@gearshift/cli',
    'prom-client',
    '@opentelemetry/api',
    '@types/node',
  ];
  // With the optional packages of telemetry installed, its program for a user without them has another answer.
  const withoutMissingPeers = SMOKE_PROGRAMS.filter(({ name }) => name !== '@gearshift/telemetry');
  const installed = install(process.execPath, 'npm', wanted);
  for (const { path, resolved } of resolvedByNpm(installed)) {
    if (resolved.startsWith(registry.url)) continue;
    found.networkAccess++;
    problems.push(`${path} comes from ${new URL(resolved).host}`);
  }
  for (const check of [checkDoctor, checkTypes, checkBundle, checkMetrics]) {
    await attempt(check.name, () => check(installed, SMOKE_PROGRAMS));
  }
  const platform = readdirSync(join(installed, 'node_modules/@gearshift')).find((name) =>
    name.startsWith('backend-cpu-'),
  );
  const addon = hasAddon ? `@gearshift/${platform}/gearshift-cpu.node` : undefined;
  await attempt('bundlers', () => checkBundlers(installed, addon));
  for (const check of [checkJest, checkVitest, checkOtherRuntimes]) {
    await attempt(check.name, () => check(installed, withoutMissingPeers));
  }
  await attempt('types of telemetry with one of its optional packages', () => {
    for (const peer of ['prom-client', '@opentelemetry/api']) {
      const folder = install(process.execPath, 'npm', ['@gearshift/telemetry', peer, '@types/node']);
      checkTypes(
        folder,
        SMOKE_PROGRAMS.filter(({ name }) => name === '@gearshift/telemetry'),
      );
    }
  });
}

function install(node, manager, wanted) {
  const settings = { node, manager, pnpm, npmrc: registry.npmrc, cache: join(folder, 'cache'), parent: folder };
  const installed = installFromRegistry(settings, wanted);
  installs++;
  return installed;
}

/** Continues with the other steps when one fails. */
async function attempt(what, action) {
  try {
    await action();
  } catch (error) {
    problems.push(`${what}: ${error.message}`);
  }
}

function inCheckout(program, args) {
  // Otherwise Nx would use the cache and the daemon of the checkout that runs this.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^NX_/.test(name)));
  execFileSync(program, args, {
    cwd: checkout,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
}
