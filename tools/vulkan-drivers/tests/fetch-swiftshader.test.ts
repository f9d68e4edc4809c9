import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';

const SCRIPT = fileURLToPath(new URL('../fetch/fetch-swiftshader.mjs', import.meta.url));
const FILES = ['libvk_swiftshader.so', 'libvulkan.so.1', 'vk_swiftshader_icd.json'];
let root: string;
let folder: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'gearshift-swiftshader-'));
  folder = join(root, 'swiftshader');
  mkdirSync(folder);
  for (const name of FILES) writeFileSync(join(folder, name), name);
  const files = Object.fromEntries(FILES.map((name) => [name, createHash('sha256').update(name).digest('hex')]));
  writeFileSync(join(folder, 'record.json'), JSON.stringify({ package: 'x.deb', files }));
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

/** On a machine without apt-get. */
function fetchFiles() {
  const { status, stdout } = spawnSync(process.execPath, [SCRIPT, folder], { env: { PATH: root }, encoding: 'utf8' });
  return { status, stdout };
}

it('keeps files that have the recorded hashes', () => {
  expect(fetchFiles()).toEqual({ status: 0, stdout: '' });
  expect(readdirSync(folder).sort()).toEqual([...FILES, 'record.json'].sort());
});

it('succeeds without apt-get, removes damaged files and records the reason', () => {
  writeFileSync(join(folder, 'libvulkan.so.1'), 'damaged');
  const { status, stdout } = fetchFiles();
  expect(status).toBe(0);
  expect(stdout).toMatch(/No SwiftShader: .+\. Tests that need it are skipped\.\n$/);
  expect(readdirSync(root)).toEqual(['swiftshader']);
  expect(readdirSync(folder)).toEqual(['record.json']);
  const { lacks } = JSON.parse(readFileSync(join(folder, 'record.json'), 'utf8')) as { lacks: string };
  expect(stdout).toContain(lacks);
});
