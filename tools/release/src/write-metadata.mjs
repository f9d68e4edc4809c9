// node tools/release/src/write-metadata.mjs: the description, keywords, addresses and author in the manifest of every public package, from
// tools/release/metadata.json. A test fails when a manifest differs.
import { writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { readMetadata, withMetadata } from './package-metadata.mjs';
import { listPublicPackages } from './public-packages.mjs';

const metadata = readMetadata();
for (const { folder, manifest } of listPublicPackages()) {
  const written = withMetadata(manifest, `packages/${basename(folder)}`, metadata);
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(written, null, 2)}\n`);
}
