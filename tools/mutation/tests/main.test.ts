import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const MAIN = fileURLToPath(new URL('../src/main.mjs', import.meta.url));

it.each([[[]], [['cli']], [['tracker', '--loud']], [['tracker', '--concurrency', '0']]])(
  'npm run mutation prints its usage and exits with 2 for the arguments %j',
  (args) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' });
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/^.*(expected|Unknown option).*\n\nnpm run mutation -- PACKAGE/);
  },
);
