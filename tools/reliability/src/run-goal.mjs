import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { verdictOf } from './verdict.mjs';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/**
 * Runs all tests of a goal. The tests report the count; a violation is a failed or skipped test, or a count that is too small. A goal
 * with tests that were skipped for lack of a tool was not run.
 *
 * @returns {Promise<{ goal: string, count: number, unit: string, least: number, verdict: string, violations: number, seed: number | null,
 *   seconds: number, tier: string, effort: string, problems: string[], figures?: Record<string, number> }>}
 */
export async function runGoal(goal, { unit, least, tier, sources }, { tier: effort, seed }) {
  const startedAtMs = performance.now();
  const folder = mkdtempSync(join(tmpdir(), 'gearshift-reliability-'));
  const counts = join(folder, 'counts');
  const failures = [];
  const skips = [];
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
      const found = problemsIn(source, results, status, output);
      failures.push(...found.failures);
      skips.push(...found.skips);
    }
    const told = existsSync(counts) ? linesOf(readFileSync(counts, 'utf8'), goal) : [];
    const count = told.reduce((sum, line) => sum + line.count, 0);
    const figures = figuresOf(told);
    const { verdict, violations, problems } = verdictOf({ failures, skips, count, unit, least: least[effort] });
    return {
      ...{ goal, count, unit, least: least[effort], verdict, violations, seed: seed ?? null },
      seconds: Math.round((performance.now() - startedAtMs) / 1000),
      ...{ tier, effort, problems },
      ...(Object.keys(figures).length > 0 && { figures }),
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
  if (!existsSync(results))
    return { failures: [`${where}: no results (exit ${status}): ${output.slice(-500)}`], skips: [] };
  const { testResults } = JSON.parse(readFileSync(results, 'utf8'));
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  // Tests that the name filter excludes are reported as skipped too.
  const wanted = tests.filter(({ fullName }) => name === undefined || fullName.includes(name));
  const isFailed = (test) => test.status === 'failed';
  const describe = (tests) =>
    tests.map(
      (test) => `${where}: ${test.fullName}: ${test.status} ${test.failureMessages?.[0]?.split('\n')[0] ?? ''}`,
    );
  const failures = describe(wanted.filter(isFailed));
  const skips = describe(wanted.filter((test) => test.status !== 'passed' && !isFailed(test)));
  const broken = testResults.filter((result) => result.status === 'failed' && result.assertionResults.length === 0);
  failures.push(...broken.map(({ message }) => `${where}: ${message}`));
  if (wanted.length === 0) failures.push(`${where}: there is no test ${name ?? ''}`);
  return { failures, skips };
}

function linesOf(text, goal) {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
    .filter((line) => line.goal === goal);
}

/** What was measured, in whole tenths. */
function figuresOf(lines) {
  const measured = lines.filter(({ name }) => name !== undefined);
  return Object.fromEntries(measured.map(({ name, value }) => [name, Math.round(value * 10) / 10]));
}
