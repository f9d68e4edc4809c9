import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { afterAll, describe, expect, it } from 'vitest';
import { readMetadata, withMetadata } from '../src/package-metadata.mjs';
import { ADDON, installScripts, unlistedFiles, VERSION_IN_CODE } from '../src/package-rules.mjs';
import { packPackages } from '../src/pack-packages.mjs';
import { listPublicPackages } from '../src/public-packages.mjs';

const folder = mkdtempSync(join(tmpdir(), 'gearshift-pack-'));
const packed = packPackages(folder);
afterAll(() => {
  rmSync(folder, { recursive: true });
});
const byName = packed.map((entry) => [entry.name, entry] as const);
const withCode = byName.filter(([, { isPlatform }]) => !isPlatform);
const platforms = byName.filter(([, { isPlatform }]) => isPlatform);

it('packs all packages with code and at least one platform package', () => {
  expect(withCode.length).toBeGreaterThanOrEqual(6);
  expect(platforms.length).toBeGreaterThanOrEqual(1);
});

// Without a compiler there is no addon for a platform package, so dependent tests are skipped, not passed.
const complete = byName.filter(([, { isPlatform, files }]) => !isPlatform || files.some((file) => ADDON.test(file)));
const incomplete = byName.filter((entry) => !complete.includes(entry));
it.skip.each(incomplete)('%s has its addon (not built on this machine)', () => undefined);

describe.each(complete)('%s', (name, { files, manifest, source, isPlatform, tarball }) => {
  it('contains the required files and nothing else', () => {
    expect(unlistedFiles({ name, files, isPlatform })).toEqual([]);
    expect(files).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'package.json']));
    expect(files.length).toBeGreaterThan(3);
  });

  it('contains the licence of the repository', () => {
    const licence = execFileSync('tar', ['-xOzf', tarball, 'package/LICENSE'], { encoding: 'utf8' });
    expect(licence).toBe(readFileSync(fileURLToPath(new URL('../../../LICENSE', import.meta.url)), 'utf8'));
    expect(manifest.license).toBe('Apache-2.0');
  });

  it('has no install scripts', () => {
    expect(installScripts({ files, manifest })).toEqual([]);
  });

  it('depends on real versions instead of workspace ranges', () => {
    const groups = ['dependencies', 'optionalDependencies', 'peerDependencies', 'devDependencies'];
    const ranges = groups.flatMap((group) => Object.values<string>(manifest[group] ?? {}));
    expect(ranges.filter((range) => /^(workspace|file|link|catalog):/.test(range))).toEqual([]);
  });

  it('is public, for Node 20.19 and newer', () => {
    expect(source.publishConfig.access).toBe('public');
    expect(manifest.engines).toEqual({ node: '>=20.19' });
  });

  it('has the description, keywords and addresses of tools/release/metadata.json', () => {
    const folder = `packages/${basename(listPublicPackages().find((entry) => entry.name === name)?.folder ?? '')}`;
    expect(withMetadata(manifest, folder, readMetadata())).toEqual(manifest);
    expect(manifest.description.length).toBeGreaterThan(20);
    expect(manifest.keywords.length).toBeGreaterThan(4);
  });

  it('satisfies publint', async () => {
    const { messages } = await publint({ pack: { tarball: readTarball(tarball) }, strict: true, level: 'suggestion' });
    expect(messages.map((message) => formatMessage(message, manifest))).toEqual([]);
  });
});

describe.each(withCode)('%s', (_name, { tarball, files }) => {
  it('has for each declaration file one for CommonJS, which imports no ES module', () => {
    const declarations = files.filter((file) => file.endsWith('.d.ts'));
    expect(declarations.length).toBeGreaterThan(0);
    for (const file of declarations) {
      const commonJs = file.replace(/\.ts$/, '.cts');
      expect(files).toContain(commonJs);
      const text = execFileSync('tar', ['-xOzf', tarball, `package/${commonJs}`], { encoding: 'utf8' });
      expect(text).not.toMatch(/from '\.[^']*\.js'|import\('\.[^']*\.js'\)/);
    }
  });

  it('declares typed arrays without the type of their buffer, which TypeScript 5.6 does not have', () => {
    const declarations = files.filter((file) => file.endsWith('.d.ts')).map((file) => `package/${file}`);
    const text = execFileSync('tar', ['-xOzf', tarball, ...declarations], { encoding: 'utf8', maxBuffer: 2 ** 26 });
    expect(text.match(/\b\w*(?:Array|Buffer|DataView)<(?:Shared)?ArrayBuffer\w*>/g)).toBeNull();
  });

  it('resolves with its types from ES modules and bundlers', () => {
    // esm-only: from Node 20.19 CommonJS can require() ES modules, which the install tests check. For the same reason CommonJS has
    // declarations of its own (false-cjs), with which the dry release compiles a program.
    const bin = fileURLToPath(new URL('../node_modules/.bin/attw', import.meta.url));
    const { status, stdout } = spawnSync(
      bin,
      [tarball, '--profile', 'esm-only', '--ignore-rules', 'false-cjs', '--no-emoji', '--no-color'],
      {
        encoding: 'utf8',
        shell: process.platform === 'win32',
      },
    );
    expect(status, stdout).toBe(0);
  });
});

describe('version in the code of a loader', () => {
  const loaders = listPublicPackages().filter(({ name }) => /^@gearshift\/backend-(cpu|cuda)$/.test(name));

  it.each(loaders)('of $name equals that of its manifest', ({ folder, manifest }) => {
    const [, version] = VERSION_IN_CODE.exec(readFileSync(`${folder}/src/package-version.ts`, 'utf8')) ?? [];
    expect(version).toBe(manifest.version);
  });
});

describe.each(platforms)('%s', (name, { manifest, files }) => {
  const [, os, cpu, libc] = /-(linux|darwin|win32)-(x64|arm64)(?:-(gnu|musl))?$/.exec(name) ?? [];

  it('names at top level the same platform as its own name', () => {
    expect(manifest.os).toEqual([os]);
    expect(manifest.cpu).toEqual([cpu]);
    expect(manifest.libc).toEqual(libc === undefined ? undefined : [libc === 'gnu' ? 'glibc' : libc]);
  });

  it('contains no code and has no dependencies', () => {
    expect(files).not.toContain('index.js');
    expect(manifest.dependencies).toBeUndefined();
  });

  it('is an optional dependency of its loader, at exactly the same version', () => {
    const loader = packed.find((entry) => name.startsWith(`${entry.name}-`) && !entry.isPlatform);
    expect(loader?.manifest.optionalDependencies[name]).toBe(manifest.version);
    expect(loader?.manifest.version).toBe(manifest.version);
  });
});

function readTarball(tarball: string): ArrayBuffer {
  const bytes = readFileSync(tarball);
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
}
