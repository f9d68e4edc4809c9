import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { effort, tellCount } from '@gearshift/vitest-config/effort';
import { expect, test } from 'vitest';

/** The exit code, signal and output of a process that ends with work under way. */
const SCENARIOS = {
  'process.exit with jobs under way': [7, null, ''],
  'an uncaught error with jobs under way': [1, null, ''],
  'an unhandled rejection with jobs under way': [1, null, ''],
  'jobs under way and nothing else to do': [0, null, 'done'],
  'SIGTERM with jobs under way': [null, 'SIGTERM', ''],
  'SIGINT with jobs under way': [null, 'SIGINT', ''],
  'an executor that is never closed': [0, null, 'done'],
  'every job aborted': [0, null, 'aborted'],
  'a worker that is terminated with jobs under way': [0, null, 'code 1'],
  'a worker that exits with jobs under way': [0, null, 'code 5'],
  'a worker that throws with jobs under way': [0, null, 'on purpose'],
  'process.exit while workers have jobs under way': [3, null, ''],
} as const;

const ROUNDS = effort({ test: 1, ci: 20, nightly: 200 });
const FIXTURE = fileURLToPath(new URL('fixtures/leave.mjs', import.meta.url));
const PATIENCE = 60_000;

function leave(scenario: string): Promise<readonly [number | null, string | null, string, string]> {
  return new Promise((resolve) => {
    execFile(process.execPath, [FIXTURE, scenario], { timeout: PATIENCE }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : null;
      resolve([code, error?.signal ?? null, stdout.trimEnd(), stderr]);
    });
  });
}

test.for(Object.entries(SCENARIOS))(
  'a process ends as expected after: %s',
  { timeout: ROUNDS * PATIENCE },
  async ([scenario, expected]) => {
    for (let round = 0; round < ROUNDS; round++) {
      const [code, signal, stdout, stderr] = await leave(scenario);
      expect([code, signal, stdout], stderr).toEqual(expected);
    }
    tellCount('R15', ROUNDS);
  },
);
