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
import { basename, dirname, join } from 'node:path';
import { downloadPackage, extractFiles } from './debian-package.mjs';
import { hashFiles } from './hash-files.mjs';

/**
 * Puts files of a Debian package into a folder, without installing anything. Writes record.json beside them: the package's version and
 * the SHA-256 of each file, or what is lacking. Files with the recorded hashes are not fetched again. Never throws for what the machine
 * lacks: the tests that need the files are skipped.
 *
 * @param {object} options
 * @param {string} options.title what the files are, for messages
 * @param {string} options.package the Debian package
 * @param {readonly string[]} options.paths files in it, all in one folder, as `./usr/...`
 * @param {string} options.folder where they go
 * @param {boolean} [options.debianOnly] whether other systems with apt-get lack the package
 */
export function fetchFiles({ title, package: name, paths, folder, debianOnly = false }) {
  const names = paths.map((path) => basename(path));
  if (isComplete(folder, names)) return;
  const lacks = findObstacle(debianOnly) ?? download({ title, name, paths, names, folder });
  if (lacks === null) return;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeRecord(folder, { lacks });
  console.log(`No ${title}: ${lacks}. Tests that need it are skipped.`);
}

function isComplete(folder, names) {
  try {
    const { files } = JSON.parse(readFileSync(join(folder, 'record.json'), 'utf8'));
    return JSON.stringify(files) === JSON.stringify(hashFiles(folder, names));
  } catch {
    return false;
  }
}

function findObstacle(debianOnly) {
  if (process.platform !== 'linux') return 'it is fetched on Linux only';
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  if (debianOnly && !/^ID=debian$/m.test(release))
    return 'it comes from a package of Debian, and this is another system';
  return null;
}

/** Returns why it failed, or null. */
function download({ title, name, paths, names, folder }) {
  mkdirSync(dirname(folder), { recursive: true });
  const work = mkdtempSync(`${folder}-`);
  try {
    console.log(`Fetching ${title} from Debian's ${name} ...`);
    const failure = downloadPackage(name, work);
    if (failure !== null) return failure;
    const archive = readdirSync(work).find((entry) => entry.endsWith('.deb'));
    const content = join(work, 'content');
    const broken = extractFiles(join(work, archive), paths, content);
    if (broken !== null) return broken;
    const files = hashFiles(content, names);
    writeRecord(content, { package: archive, files });
    rmSync(folder, { recursive: true, force: true });
    renameSync(content, folder);
    for (const [file, hash] of Object.entries(files)) console.log(`  ${file} sha256 ${hash}`);
    return null;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function writeRecord(where, record) {
  writeFileSync(join(where, 'record.json'), `${JSON.stringify(record, null, 2)}\n`);
}
