import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installTarballs, runBoth, runProgram } from '../src/install-tarballs.mjs';
import { packPackages } from '../src/pack-packages.mjs';
import { SMOKE_PROGRAMS } from '../src/smoke-programs.mjs';

const folders: string[] = [];
const tarballs = mkdtempSync(join(tmpdir(), 'gearshift-pack-'));
folders.push(tarballs);
const packed = packPackages(tarballs);
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function install(wanted: string[], npmArgs: string[] = []): string {
  const folder = installTarballs(packed, wanted, npmArgs);
  folders.push(folder);
  return folder;
}

describe.each(SMOKE_PROGRAMS)('$name alone, installed with npm', ({ name, from, names, body, answer }) => {
  it('runs from ES modules and from CommonJS, and prints nothing by itself', () => {
    expect(runBoth(install([name]), from ?? name, names, body)).toEqual([answer, answer]);
  });
});

it('has a smoke program for every package with code', () => {
  const tried = [...SMOKE_PROGRAMS.map(({ name }) => name), '@gearshift/cli'];
  expect(tried.sort()).toEqual(
    packed
      .filter(({ isPlatform }) => !isPlatform)
      .map(({ name }) => name)
      .sort(),
  );
});

describe('installed native addon', () => {
  const body = `const { value: backend } = await createCpuBackend();
    const { source, level, limitations } = backend.describe();
    print({ source, level, limitations });
    await backend.close();`;
  const here = `@gearshift/backend-cpu-${process.platform}-${process.arch}`;
  const hasAddon = packed.some(({ name, files }) => name.startsWith(here) && files.includes('gearshift-cpu.node'));

  it.skipIf(!hasAddon)('comes from the platform package (needs an addon built on this machine)', () => {
    const folder = install(['gearshift']);
    const answers = runBoth(folder, '@gearshift/backend-cpu', 'createCpuBackend', body);
    expect(answers).toEqual([
      expect.objectContaining({ source: 'prebuilt' }),
      expect.objectContaining({ source: 'prebuilt' }),
    ]);
  });

  it('is optional: without the platform package the portable backend runs and says why', () => {
    const folder = install(['gearshift'], ['--omit=optional']);
    expect(
      readdirSync(join(folder, 'node_modules/@gearshift')).filter((name) => name.startsWith('backend-cpu-')),
    ).toEqual([]);
    const answers = runBoth(folder, '@gearshift/backend-cpu', 'createCpuBackend', body);
    for (const answer of answers) {
      expect(answer).toMatchObject({ source: 'portable' });
      expect((answer as { limitations: string[] }).limitations.join('\n')).toContain('@gearshift/backend-cpu');
    }
  });
});

describe('@gearshift/cli installed with npm', () => {
  let folder: string;
  beforeAll(() => {
    folder = install(['@gearshift/cli']);
    mkdirSync(join(folder, 'notes'));
    writeFileSync(join(folder, 'notes/gearbox.txt'), 'A gearbox changes the ratio between engine and wheels.\n');
    writeFileSync(join(folder, 'notes/bread.txt'), 'Bread needs flour, water, salt and patience.\n');
  });

  it('has a command that searches a folder and prints one JSON object', () => {
    const command = join(folder, 'node_modules/.bin', process.platform === 'win32' ? 'gearshift.cmd' : 'gearshift');
    expect(existsSync(command)).toBe(true);
    const args = ['search', '--dir', 'notes', '--query', 'flour and salt', '--k', '1', '--json'];
    const { status, stdout, stderr } = spawnSync(command, args, {
      cwd: folder,
      encoding: 'utf8',
      shell: process.platform === 'win32',
    });
    expect(stderr).toBe('');
    expect(status).toBe(0);
    const { results } = JSON.parse(stdout) as { results: { file: string; line: number }[] };
    expect(results).toMatchObject([{ file: expect.stringContaining('bread.txt'), line: 1 }]);
  });

  it('can be imported', () => {
    const code =
      "import('@gearshift/cli').then((module) => console.log(JSON.stringify(Object.keys(module).length > 0)));";
    expect(runProgram(folder, 'cjs', code)).toBe(true);
  });
});
