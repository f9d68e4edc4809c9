import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Why a test file can find no mutant, or needs minutes for each. */
const RULES = [
  {
    why: 'starts worker threads, which run the built package and not the mutated sources',
    applies: (texts) => texts.some((text) => /\bnew Worker\(/.test(text)),
  },
  {
    why: 'explores every interleaving of the protocols, which takes minutes for each mutant',
    applies: (texts) => texts.some((text) => /^import \{[^}]*\} from '@gearshift\/schedule-explorer'/m.test(text)),
  },
  {
    why: 'imports none of the sources',
    applies: (texts) => !texts.some((text) => /from '(\.\.\/)+src\//.test(text)),
  },
];

/**
 * The test files that a mutation run skips, by the text of the files and of their helpers.
 *
 * @param {string} folder of the package
 * @param {readonly string[]} testFiles relative to it
 * @returns {{ file: string, why: string }[]}
 */
export function leftOutTests(folder, testFiles) {
  return testFiles.flatMap((file) => {
    const texts = withHelpers(join(folder, file));
    const rule = RULES.find(({ applies }) => applies(texts));
    return rule === undefined ? [] : [{ file, why: rule.why }];
  });
}

/** The text of a test and of the TypeScript helpers that it imports from the tests, directly or through others. */
function withHelpers(file, seen = new Set()) {
  if (seen.has(file) || !existsSync(file)) return [];
  seen.add(file);
  const text = readFileSync(file, 'utf8');
  const helpers = [...text.matchAll(/from '(\.[^']+)\.js'/g)]
    .map(([, path]) => `${join(dirname(file), path)}.ts`)
    .filter((path) => path.replaceAll('\\', '/').includes('/tests/'));
  return [text, ...helpers.flatMap((helper) => withHelpers(helper, seen))];
}
