import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { findToolchain } from '../toolchain.mjs';

const script = fileURLToPath(new URL('../when-compilable.mjs', import.meta.url));
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gearshift-compile-'));
  mkdirSync(join(folder, 'prebuilds'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function runScript(path: string | undefined) {
  const args = [script, '--stale', 'prebuilds', '--', process.execPath, '-e', 'process.exit(3)'];
  return spawnSync(process.execPath, args, { cwd: folder, env: { PATH: path }, encoding: 'utf8' });
}

it('prints the missing tools, removes stale results and succeeds when nothing can be compiled', () => {
  const { status, stdout } = runScript(folder);
  expect(status).toBe(0);
  expect(stdout).toMatch(/^Not built: CMake and a C\+\+ compiler/);
  expect(existsSync(join(folder, 'prebuilds'))).toBe(false);
});

it.skipIf(findToolchain().missing.length > 0)('returns the exit code of the command (needs a C++ toolchain)', () => {
  expect(runScript(process.env.PATH).status).toBe(3);
  expect(existsSync(join(folder, 'prebuilds'))).toBe(true);
});
