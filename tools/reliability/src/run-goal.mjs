import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/**
 * Runs all tests of a goal. The tests report the count; a violation is a failed or skipped test, or a count that is too small.
 *
 * @returns {Promise<{ goal: string, count: number, unit: string, least: number, violations: number, seed: number | null,
 *   seconds: number, tier: string, effort: string, problems: string[] }>}
 */
export async function runGoal(goal, { unit, least, tier, sources }, { tier: effort, seed }) {
  const startedAtMs = performance.now();
  const folder = mkdtempSync(join(tmpdir(), 'gearshift-reliability-'));
  const counts = join(folder, 'counts');
  const problems = [];
  try {
    for (const [index, source] of sources.entries()) {
      const results = join(folder, `results-${index}.json`);
      const env = {
        ...process.env,
        GEARSHIFT_TEST_EFFORT: effort,
        GEARSHIFT_COUNTS: counts,
        ...(seed === undefined ? {} : { GEARSHIFT_SEED: String(seed) }),
      };
      const { status, output } = await runTests(source, results, env);
      problems.push(...problemsIn(source, results, status, output));
    }
    const count = existsSync(counts) ? sumOf(readFileSync(counts, 'utf8'), goal) : 0;
    if (count < least[effort]) problems.push(`${count} ${unit}, of at least ${least[effort]}`);
    return {
      ...{ goal, count, unit, least: least[effort], violations: problems.length, seed: seed ?? null },
      seconds: Math.round((performance.now() - startedAtMs) / 1000),
      ...{ tier, effort, problems },
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function runTests({ folder, file, name }, results, env) {
  const cwd = join(ROOT, folder);
  const vitest = join(dirname(createRequire(join(cwd, 'package.json')).resolve('vitest/package.json')), 'vitest.mjs');
  const pattern = name === undefined ? [] : ['-t', name];
  const reporters = ['--reporter=json', `--outputFile.json=${results}`, '--typecheck.enabled=false'];
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [vitest, 'run', file, ...pattern, ...reporters], { cwd, env });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data));
    child.once('close', (status) => resolve({ status, output }));
  });
}

function problemsIn({ folder, file, name }, results, status, output) {
  const where = `${folder}/${file}`;
  if (!existsSync(results)) return [`${where}: no results (exit ${status}): ${output.slice(-500)}`];
  const { testResults } = JSON.parse(readFileSync(results, 'utf8'));
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  // Tests that the name filter excludes are reported as skipped too.
  const wanted = tests.filter(({ fullName }) => name === undefined || fullName.includes(name));
  const problems = wanted
    .filter((test) => test.status !== 'passed')
    .map((test) => `${where}: ${test.fullName}: ${test.status} ${test.failureMessages?.[0]?.split('\n')[0] ?? ''}`);
  const broken = testResults.filter((result) => result.status === 'failed' && result.assertionResults.length === 0);
  problems.push(...broken.map(({ message }) => `${where}: ${message}`));
  if (wanted.length === 0) problems.push(`${where}: there is no test ${name ?? ''}`);
  return problems;
}

function sumOf(lines, goal) {
  return lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
    .filter((line) => line.goal === goal)
    .reduce((sum, { count }) => sum + count, 0);
}
