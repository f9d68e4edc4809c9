// node write-versions.mjs, after `changeset version`: versions that are part of the code, from the manifests.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { listPublicPackages } from './public-packages.mjs';
import { VERSION_IN_CODE } from './package-rules.mjs';

for (const { folder, manifest } of listPublicPackages()) {
  const file = join(folder, 'src/package-version.ts');
  if (!existsSync(file)) continue;
  const before = readFileSync(file, 'utf8');
  writeFileSync(
    file,
    before.replace(VERSION_IN_CODE, (line, version) => line.replace(version, manifest.version)),
  );
}
