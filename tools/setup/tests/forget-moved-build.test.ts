import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { forgetMovedBuild } from '../forget-moved-build.mjs';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'moved-build-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function buildMadeIn(place: (build: string) => string): string {
  const build = join(folder, 'build');
  mkdirSync(build);
  writeFileSync(join(build, 'CMakeCache.txt'), `# cache\nCMAKE_CACHEFILE_DIR:INTERNAL=${place(build)}\n`);
  return build;
}

it('removes what CMake made in another place, and nothing else', () => {
  const build = buildMadeIn(() => '/another/checkout/build');
  writeFileSync(join(build, 'kernels.toolkit'), 'nvcc');
  forgetMovedBuild(build);
  expect(readdirSync(build)).toEqual(['kernels.toolkit']);
});

it('keeps a build folder that is where CMake made it, and accepts one without a cache', () => {
  const build = buildMadeIn((own) => own);
  forgetMovedBuild(build);
  expect(readdirSync(build)).toEqual(['CMakeCache.txt']);
  forgetMovedBuild(join(folder, 'missing'));
});
