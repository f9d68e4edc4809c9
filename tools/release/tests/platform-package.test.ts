import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { listPublicPackages } from '../src/public-packages.mjs';
import { platformPackage } from '../src/platform-package.mjs';
import { PLATFORMS } from '../src/platforms.mjs';

const platforms = listPublicPackages().filter(({ isPlatform }) => isPlatform);
const onGitHub = readFileSync(
  fileURLToPath(new URL('../../../.github/workflows/release.yml', import.meta.url)),
  'utf8',
);

it.each(platforms.map((entry) => [entry.name, entry] as const))('%s equals the output of its recipe', (name, entry) => {
  const [, addon, platform] = /backend-(cpu|cuda)-(.+)$/.exec(name) ?? [];
  const made = platformPackage(addon as 'cpu' | 'cuda', platform, entry.manifest.version);
  const words = (text: string) => text.split(/\s+/).join(' '); // lines may be broken elsewhere
  expect(made.name).toBe(name);
  expect(JSON.parse(made.files['package.json'])).toEqual(entry.manifest);
  for (const file of ['copy-addon.mjs', 'README.md']) {
    expect(words(made.files[file])).toBe(words(readFileSync(`${entry.folder}/${file}`, 'utf8')));
  }
});

it.each(Object.entries(PLATFORMS))('%s has a job in the release workflow', (platform, { runner, container }) => {
  const job = new RegExp(`- platform: ${platform}\\n +runner: (\\S+)\\n(?: +container: (\\S+)\\n)?`).exec(onGitHub);
  expect(job?.slice(1)).toEqual([runner, container]);
});
