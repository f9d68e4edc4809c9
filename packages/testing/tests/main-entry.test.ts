import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

/** Every module that a built file imports, directly and through its own files. */
function importsOf(file: URL, seen = new Set<string>()): Set<string> {
  if (seen.has(file.href)) return seen;
  seen.add(file.href);
  for (const [, specifier] of readFileSync(file, 'utf8').matchAll(/(?:from|import) '([^']+)'/g)) {
    if (specifier.startsWith('.')) importsOf(new URL(specifier, file), seen);
    else seen.add(specifier);
  }
  return seen;
}

test('the main entry works without vitest, which only the entry for vitest imports', () => {
  expect(importsOf(new URL('../dist/index.js', import.meta.url))).not.toContain('vitest');
  expect(importsOf(new URL('../dist/vitest.js', import.meta.url))).toContain('vitest');
});
