import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const script = fileURLToPath(new URL('fixtures/make-and-dispose.mjs', import.meta.url));
const run = promisify(execFile);
const LIMIT_MB = 350;

describe('the memory of a process', () => {
  // 400 matrices or graphs take 2 GB in total.
  it.each([
    ['matrix', 400],
    ['rows', 400],
    ['graph', 400],
    ['executor', 300],
  ])('stays below 350 MB while it makes and disposes: %s', { timeout: 120_000 }, async (what, rounds) => {
    const { stdout } = await run(process.execPath, [script, what, String(rounds)]);
    expect(Number(stdout)).toBeGreaterThan(10);
    expect(Number(stdout)).toBeLessThan(LIMIT_MB);
  });
});
