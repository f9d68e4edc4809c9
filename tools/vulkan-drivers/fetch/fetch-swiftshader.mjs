// node fetch-swiftshader.mjs [FOLDER]
//
// Fetches SwiftShader, a Vulkan driver in software, and the Vulkan loader that belongs to it. Both come from Debian's package of
// Chromium, of which nothing is installed. Writes record.json beside them: the package's version and the SHA-256 of each file, or why
// there are none. Files with the recorded hashes are not fetched again. Always succeeds: without the driver its tests are skipped.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { downloadPackage, extractFiles } from './debian-package.mjs';
import { hashFiles } from './hash-files.mjs';

const PACKAGE = 'chromium-common';
const FILES = ['libvk_swiftshader.so', 'libvulkan.so.1', 'vk_swiftshader_icd.json'];
const folder = process.argv[2] ?? fileURLToPath(new URL('../build/swiftshader', import.meta.url));

if (!isComplete()) {
  const { lacks } = fetchFiles();
  if (lacks !== undefined) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    writeRecord(folder, { lacks });
    console.log(`No SwiftShader: ${lacks}. Tests that need it are skipped.`);
  }
}

function isComplete() {
  try {
    const { files } = JSON.parse(readFileSync(join(folder, 'record.json'), 'utf8'));
    return JSON.stringify(files) === JSON.stringify(hashFiles(folder, FILES));
  } catch {
    return false;
  }
}

function fetchFiles() {
  if (process.platform !== 'linux') return { lacks: 'it is fetched on Linux only' };
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  if (!/^ID=debian$/m.test(release)) return { lacks: 'it comes from a package of Debian, and this is another system' };
  mkdirSync(dirname(folder), { recursive: true });
  const work = mkdtempSync(`${folder}-`);
  try {
    console.log(`Fetching SwiftShader from Debian's ${PACKAGE} ...`);
    const failure = downloadPackage(PACKAGE, work);
    if (failure !== null) return { lacks: failure };
    const archive = readdirSync(work).find((name) => name.endsWith('.deb'));
    const driver = join(work, 'driver');
    const broken = extractFiles(
      join(work, archive),
      FILES.map((name) => `./usr/lib/chromium/${name}`),
      driver,
    );
    if (broken !== null) return { lacks: broken };
    const files = hashFiles(driver, FILES);
    writeRecord(driver, { package: archive, files });
    rmSync(folder, { recursive: true, force: true });
    renameSync(driver, folder);
    for (const [name, hash] of Object.entries(files)) console.log(`  ${name} sha256 ${hash}`);
    return {};
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function writeRecord(where, record) {
  writeFileSync(join(where, 'record.json'), `${JSON.stringify(record, null, 2)}\n`);
}
