import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { readCorpus, type CorpusPassage } from '../src/corpus/read-corpus.js';
import { createHashingTextEmbedder } from '../src/embedding/hashing-text-embedder.js';
import { indexPassages, type PassageIndex } from '../src/ranking/passage-index.js';
import { QUESTIONS } from './docs-questions.js';

const DOCS = fileURLToPath(new URL('../../../docs', import.meta.url));

describe('a search over docs/', () => {
  let passages: readonly CorpusPassage[];
  let index: PassageIndex;

  beforeAll(async () => {
    ({ passages } = await readCorpus(DOCS, { exclude: ['api'] }));
    index = await indexPassages(passages, createHashingTextEmbedder(), () => undefined);
  }, 120_000);

  /** The place of the first passage of a right section, from 1; Infinity if it is not among the first ten. */
  async function placeOf(question: string, sections: readonly string[]): Promise<number> {
    const { passages: found } = await index.rank(question, 10);
    const place = found.findIndex(({ id }) => {
      const { file, headings } = passages[id];
      return sections.some((section) => {
        const [page, beginning = ''] = section.split('#');
        return basename(file) === `${page}.md` && headings.some((heading) => heading.startsWith(beginning));
      });
    });
    return place === -1 ? Infinity : place + 1;
  }

  test('finds the section of at least nine in ten questions among the first three results', async () => {
    const missed: string[] = [];
    for (const [question, ...sections] of QUESTIONS) {
      const place = await placeOf(question, sections);
      if (place > 3) missed.push(`${place}: ${question}`);
    }
    expect(QUESTIONS.length).toBeGreaterThanOrEqual(60);
    expect(missed.length, missed.join('\n')).toBeLessThanOrEqual(QUESTIONS.length / 10);
  });

  test('has passages with more than a heading only', () => {
    for (const { text } of passages) expect(text.split('\n').length > 1 || !text.startsWith('#'), text).toBe(true);
  });

  test.each(QUESTIONS.flatMap(([, ...sections]) => sections))('the section exists: %s', (section) => {
    const [page, beginning = ''] = section.split('#');
    const headings = readFileSync(`${DOCS}/${page}.md`, 'utf8').match(/^#+ .*$/gm) ?? [];
    expect(headings.some((heading) => heading.replace(/^#+ /, '').startsWith(beginning))).toBe(true);
  });
});
