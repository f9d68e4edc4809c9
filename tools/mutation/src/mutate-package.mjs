import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readExplanations, staleExplanations } from './explanations.mjs';
import { forgetSurvivors } from './forget-survivors.mjs';
import { leftOutTests } from './left-out-tests.mjs';
import { createMirror } from './mirror.mjs';
import { ROOT } from './mutated-packages.mjs';
import { makeReport, readReport, resultsOf, writeReport } from './mutation-report.mjs';
import { groupFiles, readSources } from './package-sources.mjs';
import { readMutants } from './read-mutants.mjs';

const RUN_GROUP = fileURLToPath(new URL('run-group.mjs', import.meta.url));
const BUILD = fileURLToPath(new URL('../build/', import.meta.url));

/**
 * Mutates the files of a package group by group, and writes `docs/mutation/PACKAGE.json` after each group. A run that was interrupted
 * continues where it stopped as long as sources and tests are the same.
 *
 * @param {string} name folder in `packages/`
 * @param {{ changed: boolean, force: boolean, explain: boolean, concurrency: number, log: (message: string) => void }} options `changed`:
 *   only files with a source that has changed since the measurement; `force`: all files, without any earlier result; `explain`: none, only the
 *   explanations are applied again
 * @returns {Promise<import('./mutation-report.mjs').MutationReport>}
 */
export async function mutatePackage(name, { changed, force, explain, concurrency, log }) {
  const folder = join(ROOT, 'packages', name);
  const { files, tests, testsHash, packageHash } = readSources(folder);
  const leftOut = leftOutTests(folder, tests);
  const before = readReport(name);
  if (explain && before === null)
    throw new Error(`docs/mutation/${name}.json does not exist: run without --explain first`);
  const results = resultsOf(before);
  const report = () => {
    const made = makeReport(name, files, results, leftOut, readExplanations(name));
    writeReport(made);
    return made;
  };
  const isDone = ({ file, hash }) => {
    const result = results.get(file);
    if (explain) return true;
    if (force || result === undefined) return false;
    return changed ? result.source === hash : result.package === packageHash;
  };
  const groups = groupFiles(files.filter((each) => !isDone(each)));
  log(`${name}: ${groups.flat().length} of ${files.length} files to mutate, in ${groups.length} groups`);
  for (const { file, why } of groups.length > 0 ? leftOut : []) log(`  without ${file}: it ${why}`);
  const mirror =
    groups.length > 0
      ? createMirror(
          ROOT,
          name,
          leftOut.map(({ file }) => file),
        )
      : undefined;
  const remove = () => mirror?.remove();
  // Also when the process is interrupted.
  process.once('exit', remove);
  try {
    for (const [index, group] of groups.entries()) {
      log(`${name}: group ${index + 1} of ${groups.length}: ${group.map(({ file }) => file).join(', ')}`);
      const mutants = await runGroup(name, mirror, group, { force, concurrency, testsHash });
      const texts = new Map(group.map(({ file, text }) => [file, text]));
      for (const [file, result] of readMutants(mutants, mirror.folder, texts)) {
        const { hash } = group.find((each) => each.file === file);
        results.set(file, { source: hash, package: packageHash, ...result });
        log(`  ${file}: ${result.killed + result.timeout} found, ${result.survivors.length} survived`);
      }
      report();
    }
  } finally {
    process.off('exit', remove);
    remove();
  }
  const made = report();
  const keys = new Set(made.survivors.map(({ key }) => key));
  for (const key of staleExplanations(readExplanations(name), keys)) log(`${name}: explained, but no survivor: ${key}`);
  return made;
}

async function runGroup(name, mirror, group, { force, concurrency, testsHash }) {
  const build = join(BUILD, name);
  mkdirSync(build, { recursive: true });
  const incrementalFile = join(build, 'incremental.json');
  forgetSurvivors(incrementalFile, testsHash);
  const [optionsFile, resultsFile] = [join(build, 'options.json'), join(build, 'results.json')];
  writeFileSync(
    optionsFile,
    JSON.stringify(strykerOptions(mirror.config, group, { incrementalFile, force, concurrency })),
  );
  const code = await new Promise((resolve) => {
    const child = spawn(process.execPath, [RUN_GROUP, optionsFile, resultsFile], {
      cwd: mirror.folder,
      env: { ...process.env, GEARSHIFT_TEST_EFFORT: 'mutation' },
      stdio: ['ignore', 2, 2],
    });
    const stop = () => child.kill();
    process.once('exit', stop);
    child.on('error', () => resolve(127));
    child.on('close', (status) => {
      process.off('exit', stop);
      resolve(status ?? 1);
    });
  });
  if (code !== 0) throw new Error(`Stryker ended with ${code}; its output is above`);
  return JSON.parse(readFileSync(resultsFile, 'utf8'));
}

function strykerOptions(configFile, group, { incrementalFile, force, concurrency }) {
  return {
    testRunner: 'vitest',
    packageManager: 'pnpm',
    vitest: { configFile, related: true },
    inPlace: true,
    mutate: group.map(({ file }) => file),
    // Most strings are messages, and tests for every word would only repeat them.
    mutator: { excludedMutations: ['StringLiteral'] },
    coverageAnalysis: 'perTest',
    concurrency,
    // Endless loops end earlier, by their number of iterations, and promises that never settle by the limit of their test. A busy machine must
    // not look like a hanging mutant.
    timeoutMS: 150_000,
    timeoutFactor: 3,
    dryRunTimeoutMinutes: 20,
    incremental: true,
    incrementalFile,
    force,
    disableTypeChecks: false,
    allowEmpty: true,
    allowConsoleColors: false,
    reporters: ['progress-append-only'],
    logLevel: 'warn',
    warnings: { slow: false },
  };
}
