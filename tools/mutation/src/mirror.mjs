import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const CONFIG = 'vitest.mutation.config.mjs';
const SEQUENCER = new URL('shortest-first.mjs', import.meta.url).href;

/**
 * A copy of one package in a copy of the repository in which everything else is a link. Stryker changes sources in place, so it works on
 * this copy; paths from the package into the repository stay valid.
 *
 * @param {string} root of the repository
 * @param {string} name of the folder in `packages/`
 * @param {readonly string[]} leftOut test files that are not run
 * @returns {{ folder: string, config: string, remove: () => void }} `folder` is that of the package, `config` a file in it
 */
export function createMirror(root, name, leftOut) {
  const mirror = mkdtempSync(join(tmpdir(), `gearshift-mutation-${name}-`));
  linkAllBut(root, mirror, ['packages', '.git', '.nx']);
  mkdirSync(join(mirror, 'packages'));
  linkAllBut(join(root, 'packages'), join(mirror, 'packages'), [name]);
  const folder = join(mirror, 'packages', name);
  // Links inside node_modules are relative and lead to the links beside the copy.
  cpSync(join(root, 'packages', name), folder, { recursive: true, verbatimSymlinks: true });
  writeFileSync(
    join(folder, CONFIG),
    `import { mergeConfig } from 'vitest/config';
import { ShortestFirst } from ${JSON.stringify(SEQUENCER)};
import config from './vitest.config.ts';

// All test files run in one worker, without a fresh set of modules for each where that is possible: starting one for each file takes
// longer than most mutants need.
const merged = mergeConfig(config, { test: { exclude: ${JSON.stringify(leftOut)}, maxWorkers: 1, isolate: ${needsIsolation(folder)} } });
merged.test.typecheck = { enabled: false };
merged.test.sequence = { sequencer: ShortestFirst };
merged.test.reporters = [{}];
delete merged.test.outputFile;
export default merged;
`,
  );
  return {
    folder,
    config: CONFIG,
    remove() {
      rmSync(mirror, { recursive: true, force: true });
    },
  };
}

/** A test that replaces a module has to be the first one to load it. */
function needsIsolation(folder) {
  const tests = join(folder, 'tests');
  return readdirSync(tests)
    .filter((file) => file.endsWith('.test.ts'))
    .some((file) => readFileSync(join(tests, file), 'utf8').includes('vi.mock('));
}

function linkAllBut(from, to, names) {
  for (const entry of readdirSync(from)) {
    if (!names.includes(entry)) symlinkSync(join(from, entry), join(to, entry), 'junction');
  }
}
