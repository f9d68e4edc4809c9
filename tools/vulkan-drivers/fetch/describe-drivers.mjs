// An input of Nx's cache: tests on software drivers run again when a driver comes, goes or changes.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const record = fileURLToPath(new URL('../build/swiftshader/record.json', import.meta.url));
console.log(existsSync(record) ? readFileSync(record, 'utf8') : 'no SwiftShader');

const installed = '/usr/share/vulkan/icd.d';
const manifests = existsSync(installed) ? readdirSync(installed).filter((name) => name.startsWith('lvp_icd.')) : [];
// The time is that of the package's build.
for (const name of manifests) console.log(`${name} ${statSync(join(installed, name)).mtimeMs}`);
