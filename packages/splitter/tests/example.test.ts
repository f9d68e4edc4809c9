import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const EXAMPLE = fileURLToPath(new URL('../../../docs/examples/resume-a-failed-batch.mjs', import.meta.url));
/** Inside the package, so that its own name resolves, and in a folder that git, Nx and formatters leave alone. */
const BUILD = fileURLToPath(new URL('../build', import.meta.url));

it('docs/examples/resume-a-failed-batch.mjs fails half-way, and is resumed', () => {
  mkdirSync(BUILD, { recursive: true });
  const folder = mkdtempSync(join(BUILD, 'example-'));
  try {
    const program = join(folder, 'example.mjs');
    copyFileSync(EXAMPLE, program);
    const { status, stdout, stderr } = spawnSync(process.execPath, [program], { encoding: 'utf8', timeout: 60_000 });
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout.trim().split('\n')).toEqual([
      'call 1: text 0 to text 2',
      'call 2: text 3 to text 5',
      'call 3: text 6 to text 7',
      'chunk-failed: embed: items [6, 8): the call threw: connection reset (ECONNRESET)',
      'done: [{"start":0,"end":6}] remaining: [{"start":6,"end":10}]',
      'call 4: text 6 to text 7',
      'call 5: text 8 to text 9',
      'all 10 vectors, the last is 6,9',
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
