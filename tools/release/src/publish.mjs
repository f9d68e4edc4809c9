// node publish.mjs [--addons FOLDER]: publishes packages that the registry does not have yet, with provenance. Run by the release workflow.
//
// FOLDER contains the addons built by other machines, in folders named after their platforms. A platform package without its addon stops the
// release, because its loader would require an empty package.
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { packPackages } from './pack-packages.mjs';
import { readMetadata } from './package-metadata.mjs';
import { ADDON } from './package-rules.mjs';
import { listPublicPackages } from './public-packages.mjs';
import { inPublishOrder } from './publish-order.mjs';
import { publishProblems } from './publish-problems.mjs';

const { values: options } = parseArgs({ options: { addons: { type: 'string' } } });

if (options.addons !== undefined) {
  const addons = readdirSync(options.addons, { recursive: true }).filter((file) => ADDON.test(basename(file)));
  for (const { name, folder } of listPublicPackages().filter(({ isPlatform }) => isPlatform)) {
    const [, kind, platform] = /backend-(cpu|cuda)-(.+)$/.exec(name);
    const built = addons.find(
      (file) => basename(dirname(file)) === platform && basename(file) === `gearshift-${kind}.node`,
    );
    if (built !== undefined) copyFileSync(join(options.addons, built), join(folder, basename(built)));
  }
}

const packed = inPublishOrder(packPackages(mkdtempSync(join(tmpdir(), 'gearshift-publish-'))));
const problems = publishProblems(packed, readMetadata());
if (problems.length > 0) {
  for (const problem of problems) console.error(problem);
  process.exit(1);
}

for (const { name, manifest, tarball } of packed) {
  const id = `${name}@${manifest.version}`;
  if (existsOnRegistry(id)) {
    console.log(`${id} is published already`);
    continue;
  }
  execFileSync('npm', ['publish', tarball, '--access', 'public', '--provenance'], { stdio: 'inherit' });
  execFileSync('git', ['tag', id], { stdio: 'inherit' });
}

function existsOnRegistry(id) {
  const { status, stdout } = spawnSync('npm', ['view', id, 'version'], { encoding: 'utf8' });
  return status === 0 && stdout.trim() !== '';
}
