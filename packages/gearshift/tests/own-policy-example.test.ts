import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const EXAMPLE = fileURLToPath(new URL('../../../docs/examples/own-policy.mjs', import.meta.url));
/** Inside the package, so that all names resolve, and in a folder that git, Nx and formatters leave alone. */
const BUILD = fileURLToPath(new URL('../build', import.meta.url));

it('the example docs/examples/own-policy.mjs runs and prints the decisions of its policy', () => {
  mkdirSync(BUILD, { recursive: true });
  const folder = mkdtempSync(join(BUILD, 'example-'));
  try {
    const program = join(folder, 'example.mjs');
    copyFileSync(EXAMPLE, program);
    const { status, stdout, stderr } = spawnSync(process.execPath, [program], { encoding: 'utf8', timeout: 60_000 });
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout.trimEnd().split('\n')).toEqual([
      '  16 rows: cpu, too-small',
      '1000 rows: pretend:0, predicted-faster',
      '1000 rows: pretend:0, predicted-faster',
      '1000 rows: cpu, queue',
      '1000 rows: pretend:0, predicted-faster',
      'adaptive watched 5 decisions',
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
