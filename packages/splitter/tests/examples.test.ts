import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

/** Inside the package, so that its own name resolves, and in a folder that git, Nx and formatters ignore. */
const BUILD = fileURLToPath(new URL('../build', import.meta.url));

/** Lines that an example of the documentation prints. */
function runExample(example: URL): string[] {
  mkdirSync(BUILD, { recursive: true });
  const folder = mkdtempSync(join(BUILD, 'example-'));
  try {
    const program = join(folder, 'example.mjs');
    copyFileSync(fileURLToPath(example), program);
    const { status, stdout, stderr } = spawnSync(process.execPath, [program], { encoding: 'utf8', timeout: 60_000 });
    expect(stderr).toBe('');
    expect(status).toBe(0);
    return stdout.trim().split('\n');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

it('runs docs/examples/resume-a-failed-batch.mjs, which fails half-way and is resumed', () => {
  expect(runExample(new URL('../../../docs/examples/resume-a-failed-batch.mjs', import.meta.url))).toEqual([
    'call 1: text 0 to text 2',
    'call 2: text 3 to text 5',
    'call 3: text 6 to text 7',
    'chunk-failed: embed: items [6, 8): the call threw: connection reset (ECONNRESET)',
    'done: [{"start":0,"end":6}] remaining: [{"start":6,"end":10}]',
    'call 4: text 6 to text 7',
    'call 5: text 8 to text 9',
    'all 10 vectors, the last is 6,9',
  ]);
});

it('runs docs/examples/embed-through-an-api.mjs, which crashes, and sends no finished text again', () => {
  const lines = runExample(new URL('../../../docs/examples/embed-through-an-api.mjs', import.meta.url));
  const progress = (from: number, to: number) =>
    Array.from({ length: (to - from) / 4 + 1 }, (_, index) => `${from + 4 * index} of 40 texts`);
  expect(lines.slice(0, -1)).toEqual([
    ...progress(4, 16),
    'the first client ended with SIGKILL, the state file has 16 vectors',
    ...progress(20, 40),
    'done, the last vector is [7,39]',
    'the second client embedded 24 texts, 0 of them again',
  ]);
  const [, limited, failed] = /^answers: 200: \d+, 429: (\d+), 500: (\d+)$/.exec(lines.at(-1) ?? '') ?? [];
  expect(Number(limited)).toBeGreaterThan(0);
  expect(Number(failed)).toBeGreaterThan(0);
});
