import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** The code that produced the figures: runtime, packages under test, commit. */
export function describeProvenance() {
  const { dependencies } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  return {
    node: process.version,
    v8: process.versions.v8,
    packages: Object.fromEntries(Object.keys(dependencies).map((name) => [name, versionOf(name)])),
    commit: git('rev-parse', 'HEAD'),
    // Figures from an uncommitted tree cannot be reproduced, so they are marked.
    uncommittedChanges: git('status', '--porcelain') !== '',
  };
}

/** From the folder itself: not every package exports its manifest. */
function versionOf(name) {
  const manifest = new URL(`../node_modules/${name}/package.json`, import.meta.url);
  return JSON.parse(readFileSync(manifest, 'utf8')).version;
}

function git(...args) {
  try {
    return execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return null;
  }
}
