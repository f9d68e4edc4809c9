import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The mutated sources of a package, with hashes that show whether figures belong to the current code.
 *
 * @param {string} folder of the package
 * @returns {{ files: { file: string, text: string, hash: string }[], tests: string[], testsHash: string, packageHash: string }} paths are
 *   relative to the package, with forward slashes; `tests` are those that vitest runs
 */
export function readSources(folder) {
  const files = listFiles(folder, 'src')
    .filter((file) => file.endsWith('.ts') && file !== 'src/index.ts')
    .map((file) => withText(folder, file));
  const ofTests = listFiles(folder, 'tests').map((file) => withText(folder, file));
  const tests = ofTests.map(({ file }) => file).filter((file) => file.endsWith('.test.ts'));
  const testsHash = hashOf(ofTests.map(({ file, hash }) => `${file} ${hash}`).join('\n'));
  const packageHash = hashOf([...files.map(({ file, hash }) => `${file} ${hash}`), testsHash].join('\n'));
  return { files, tests, testsHash, packageHash };
}

/**
 * Groups files so that a run over one group takes minutes: the tests run once without a mutant for each group, and an interrupted run
 * continues with the group that it had begun.
 *
 * @template {{ text: string }} T
 * @param {readonly T[]} files
 * @param {number} [mostLines]
 * @returns {T[][]}
 */
export function groupFiles(files, mostLines = 500) {
  const groups = [];
  let lines = Infinity;
  for (const each of files) {
    const count = each.text.split('\n').length;
    if (lines + count > mostLines) {
      groups.push([]);
      lines = 0;
    }
    groups.at(-1).push(each);
    lines += count;
  }
  return groups;
}

function listFiles(folder, name) {
  return readdirSync(join(folder, name), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length).replaceAll('\\', '/').replace(/^\//, ''))
    .sort();
}

function withText(folder, file) {
  const text = readFileSync(join(folder, file), 'utf8');
  return { file, text, hash: hashOf(text) };
}

function hashOf(text) {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
