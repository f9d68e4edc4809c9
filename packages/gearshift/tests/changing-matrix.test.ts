import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { effort, tellCount } from '@gearshift/vitest-config/effort';
import { expect, test } from 'vitest';

const REQUESTS = effort({ test: 4000, ci: 150_000, nightly: 2_000_000 });
const KILLS = effort({ test: 6, ci: 30, nightly: 400 });
const FIXTURE = fileURLToPath(new URL('fixtures/changing-matrix.mjs', import.meta.url));

interface Tally {
  readonly requests: number;
  readonly kills: number;
  readonly changes: number;
  readonly wrong: readonly string[];
}

function play(mode: string, gap: number): Promise<Tally> {
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [FIXTURE, mode, String(REQUESTS), String(KILLS), String(gap)],
      (error, stdout, stderr) => {
        if (error === null && stderr === '') resolve(JSON.parse(stdout) as Tally);
        else reject(new Error(`${error?.message ?? ''}\n${stderr}`));
      },
    );
  });
}

// Matrices of 1,000 and of 30,000 rows: requests on the large one last longer than several changes.
test.for([
  ['portable', 100],
  ['portable', 3000],
] as const)(
  'every answer is that of one version while the matrix changes and threads are killed (%s, %i)',
  { timeout: REQUESTS * 100 },
  async ([mode, gap]) => {
    const { requests, kills, changes, wrong } = await play(mode, gap);
    expect(wrong).toEqual([]);
    expect(requests).toBeGreaterThanOrEqual(REQUESTS);
    expect(kills).toBe(KILLS);
    expect(changes).toBeGreaterThan(REQUESTS / 20);
    tellCount('R20', requests);
  },
);
