import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { MAX_PASSAGES } from '../src/corpus/read-corpus.js';
import { MAX_FILE_BYTES } from '../src/corpus/read-text.js';
import { MAX_PASSAGE_CHARACTERS } from '../src/corpus/split-passages.js';
import { EMBEDDING_DIMENSIONS } from '../src/embedding/hashed-embedder.js';

const read = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

test('the documentation states the same limits as the code', () => {
  const page = read('docs/search-example.md');
  expect(page).toContain(`A file above ${MAX_FILE_BYTES / 2 ** 20} MiB`);
  expect(page).toContain(`at most ${MAX_PASSAGE_CHARACTERS.toLocaleString('en')} characters`);
  expect(page).toContain(`${EMBEDDING_DIMENSIONS} signed buckets`);
  const readme = read('packages/cli/README.md');
  expect(readme).toContain(`Files above ${MAX_FILE_BYTES / 2 ** 20} MiB`);
  expect(readme).toContain(`at most ${MAX_PASSAGES.toLocaleString('en')} passages`);
});
