import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** Which code produced the figures: runtime, packages under test, commit. */
export function describeProvenance() {
  const { dependencies } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  return {
    node: process.version,
    v8: process.versions.v8,
    packages: Object.fromEntries(
      Object.keys(dependencies).map((name) => [name, require(`${name}/package.json`).version]),
    ),
    commit: git('rev-parse', 'HEAD'),
    // Figures from an uncommitted tree cannot be reproduced: say so.
    uncommittedChanges: git('status', '--porcelain') !== '',
  };
}

function git(...args) {
  try {
    return execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return null;
  }
}
