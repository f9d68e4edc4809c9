import { spawnSync } from 'node:child_process';

const TOOLS = ['memcheck', 'racecheck', 'synccheck'];
const TIMEOUT_MS = 240_000;

/**
 * The contract suite again, under each tool of compute-sanitizer.
 *
 * @param {string} program compute-sanitizer, or its path
 * @param {string} main    the program to run under it
 */
export function runSanitizers(program, main) {
  if (spawnSync(program, ['--version'], { stdio: 'ignore' }).status !== 0) {
    return TOOLS.map((tool) => ({ tool, result: `not run: ${program} is not there`, isFailure: false }));
  }
  return TOOLS.map((tool) => {
    const args = ['--tool', tool, '--error-exitcode', '99', process.execPath, main, '--quick', '--only', 'contract'];
    const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', timeout: TIMEOUT_MS });
    const summary = `${stdout}${stderr}`.split('\n').findLast((line) => line.includes('SUMMARY')) ?? '';
    return { tool, result: status === 0 ? `clean ${summary}` : `exit ${status} ${summary}`, isFailure: status !== 0 };
  });
}
