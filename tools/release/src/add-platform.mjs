// node tools/release/src/add-platform.mjs ADDON PLATFORM, such as cpu linux-arm64-gnu: creates the platform package and adds it to the
// loader. Run it after a machine of that platform has built the addon and passed the tests; docs/releasing.md has the other steps.
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { platformPackage } from './platform-package.mjs';
import { PLATFORMS } from './platforms.mjs';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const [addon, platform] = process.argv.slice(2);
if (!PLATFORMS[platform]?.addons.includes(addon)) {
  const known = Object.entries(PLATFORMS).flatMap(([name, { addons }]) => addons.map((each) => `${each} ${name}`));
  console.error(`usage: node tools/release/src/add-platform.mjs ADDON PLATFORM, one of:\n  ${known.join('\n  ')}`);
  process.exit(2);
}

const loader = join(ROOT, `packages/backend-${addon}`);
const manifestFile = join(loader, 'package.json');
const manifest = JSON.parse(readFileSync(manifestFile, 'utf8'));
const { name, files } = platformPackage(addon, platform, manifest.version);
const folder = join(ROOT, 'packages', name.replace('@gearshift/', ''));
if (existsSync(folder)) {
  console.error(`${name} exists already.`);
  process.exit(1);
}
mkdirSync(folder);
for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text);
copyFileSync(join(ROOT, 'LICENSE'), join(folder, 'LICENSE'));

manifest.optionalDependencies[name] = 'workspace:*';
writeFileSync(manifestFile, `${JSON.stringify(manifest, null, 2)}\n`);

// One line for each platform in the table of the loader.
const source = join(loader, 'src/native.ts');
const before = readFileSync(source, 'utf8');
const table = /^ +platformPackages: \{\n/m;
if (!table.test(before)) throw new Error(`${source} has no table of platform packages`);
const line = `        '${platform}': () => requireFrom(startingPoints, '${name}/gearshift-${addon}.node'),\n`;
writeFileSync(
  source,
  before.replace(table, (start) => start + line),
);
console.log(
  `${name} is made. Now: npx nx run-many -t build build-native, npm test, a changeset, and the job of the platform in release.yml.`,
);
