import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { effort } from '@gearshift/vitest-config/effort';
import { describe, expect, it } from 'vitest';

const script = fileURLToPath(new URL('fixtures/make-and-dispose.mjs', import.meta.url));
const run = promisify(execFile);
const LIMIT_MB = 350;

describe('the memory of a process', () => {
  // 400 matrices or graphs take 2 GB in total.
  it.each([
    ['matrix', effort({ test: 400, ci: 2000 })],
    ['rows', effort({ test: 400, ci: 2000 })],
    ['graph', effort({ test: 400, ci: 2000 })],
    ['executor', effort({ test: 300, ci: 2000 })],
  ])('stays below 350 MB while it makes and disposes: %s', { timeout: 120_000 }, async (what, rounds) => {
    const { stdout } = await run(process.execPath, [script, what, String(rounds)]);
    expect(Number(stdout)).toBeGreaterThan(10);
    expect(Number(stdout)).toBeLessThan(LIMIT_MB);
  });
});
