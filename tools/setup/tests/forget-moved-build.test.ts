import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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

it('removes a build folder that CMake made in another place', () => {
  const build = buildMadeIn(() => '/another/checkout/build');
  forgetMovedBuild(build);
  expect(existsSync(build)).toBe(false);
});

it('keeps a build folder that is where CMake made it, and accepts one without a cache', () => {
  const build = buildMadeIn((own) => own);
  forgetMovedBuild(build);
  expect(existsSync(build)).toBe(true);
  forgetMovedBuild(join(folder, 'missing'));
});
