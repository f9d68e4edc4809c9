import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { effort, tellCount } from '@gearshift/vitest-config/effort';
import { expect, test } from 'vitest';

const KILLS = effort({ test: 6, ci: 60, nightly: 400 });
const FIXTURE = fileURLToPath(new URL('fixtures/changing-matrix.mjs', import.meta.url));

interface Tally {
  readonly requests: number;
  readonly kills: number;
  readonly changes: number;
  readonly wrong: readonly string[];
}

function play(mode: string, requests: number, gap: number): Promise<Tally> {
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [FIXTURE, mode, String(requests), String(KILLS), String(gap)],
      (error, stdout, stderr) => {
        if (error === null && stderr === '') resolve(JSON.parse(stdout) as Tally);
        else reject(new Error(`${error?.message ?? ''}\n${stderr}`));
      },
    );
  });
}

// Matrices of 1,000 and of 30,000 rows: requests on the large one last longer than several changes.
test.for([
  ['portable', effort({ test: 2000, ci: 40_000, nightly: 400_000 }), 100],
  ['portable', effort({ test: 200, ci: 2000, nightly: 20_000 }), 3000],
  ['native', effort({ test: 4000, ci: 250_000, nightly: 2_500_000 }), 100],
  ['native', effort({ test: 500, ci: 20_000, nightly: 200_000 }), 3000],
] as const)(
  'every answer is that of one version while the matrix changes and threads are killed (%s, %i requests, gap %i)',
  { timeout: 3_600_000 },
  async ([mode, asked, gap]) => {
    const { requests, kills, changes, wrong } = await play(mode, asked, gap);
    expect(wrong).toEqual([]);
    expect(requests).toBeGreaterThanOrEqual(asked);
    expect(kills).toBe(KILLS);
    expect(changes).toBeGreaterThan(asked / 20);
    tellCount('R20', requests);
  },
);
