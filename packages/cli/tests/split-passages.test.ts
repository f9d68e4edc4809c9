import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_PASSAGE_CHARACTERS, splitPassages } from '../src/corpus/split-passages.js';

const markdown = (text: string): ReturnType<typeof splitPassages> => splitPassages(text, { markdown: true });
const plain = (text: string): ReturnType<typeof splitPassages> => splitPassages(text, { markdown: false });
const paragraph = (word: string): string => `${word} `.repeat(90).trim();

describe('splitPassages', () => {
  test('returns no passages for an empty text', () => {
    expect(plain('')).toEqual([]);
    expect(plain('\n \n\t\n')).toEqual([]);
  });

  test('joins short paragraphs up to the target length', () => {
    expect(plain('one\n\ntwo')).toEqual([{ line: 1, text: 'one\n\ntwo', headings: [] }]);
    const passages = plain(`\n${paragraph('alpha')}\n\n${paragraph('beta')}\n`);
    expect(passages.map(({ line }) => line)).toEqual([2, 4]);
    expect(passages[1].text).toBe(paragraph('beta'));
  });

  test('joins a short end to the passage before it, under the same heading and within the limit', () => {
    const joined = `${paragraph('alpha')}\n\n\nend`;
    expect(plain(joined)).toEqual([{ line: 1, text: joined, headings: [] }]);
    expect(markdown(`# A\n${paragraph('alpha')}\n\n# B\nend`)).toHaveLength(2);
    const full = `${'x'.repeat(99)}\n`.repeat(12);
    expect(plain(`${full}\nend`).map(({ text }) => text.length)).toEqual([1199, 3]);
  });

  test('begins a passage at every heading and records the headings above', () => {
    const passages = markdown('# Top\nintro\n\n## First\none\n### Deep ###\ntwo\n## Second\nthree');
    expect(passages).toEqual([
      { line: 1, text: '# Top\nintro', headings: ['Top'] },
      { line: 4, text: '## First\none', headings: ['Top', 'First'] },
      { line: 6, text: '### Deep ###\ntwo', headings: ['Top', 'First', 'Deep'] },
      { line: 8, text: '## Second\nthree', headings: ['Top', 'Second'] },
    ]);
  });

  test('removes closing number signs from a heading only after a space', () => {
    const titles = ['# C#', '# Title ##', '#\tTab #', '# a # b', '## #', '# '].map(
      (heading) => markdown(`${heading}\nx`)[0].headings,
    );
    expect(titles).toEqual([['C#'], ['Title'], ['Tab'], ['a # b'], [], []]);
  });

  test('ignores a skipped heading level', () => {
    expect(markdown('## Second\n#### Fourth\nx')[0].headings).toEqual(['Second', 'Fourth']);
  });

  test('drops a heading without text, unless the text has nothing else', () => {
    expect(markdown('# Top\n\n## Sub\ntext').map(({ text }) => text)).toEqual(['## Sub\ntext']);
    expect(markdown('# Alone')).toHaveLength(1);
  });

  test('treats neither comments nor blank lines in a code block as boundaries', () => {
    const code = `${'make\n'.repeat(100)}\n# not a heading\n${'end\n'.repeat(100)}`;
    const passages = markdown(`# Real\n\`\`\`sh\n${code}\n\`\`\`\n`);
    expect(passages).toHaveLength(1);
    expect(passages[0].headings).toEqual(['Real']);
  });

  test('treats # as a heading only in Markdown', () => {
    expect(plain('# comment\ncode')).toEqual([{ line: 1, text: '# comment\ncode', headings: [] }]);
  });

  test('counts lines with any kind of line ending', () => {
    const long = paragraph('word');
    expect(plain(`a\r\nb\rc\n${long}\n\n\n${long}`).map(({ line }) => line)).toEqual([1, 7]);
  });

  test('cuts a very long line between words, or between characters if it has no spaces', () => {
    const passages = plain(`first\n${'lorem ipsum '.repeat(500)}`);
    expect(passages.length).toBeGreaterThan(4);
    expect(passages.slice(1).every(({ line, text }) => line === 2 && /^(lorem|ipsum)/.test(text))).toBe(true);
    for (const { text } of plain(`x${'😀'.repeat(2000)}`)) expect(text).not.toMatch(/\p{Surrogate}/u);
  });

  test('keeps every word, the length limit and the right line numbers', () => {
    const line = fc.oneof(
      fc.constantFrom('', '  ', '# h', '## h2', '```'),
      fc.array(fc.constantFrom('alpha', 'beta', 'gamma'), { maxLength: 600 }).map((words) => words.join(' ')),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 40 }), (lines) => {
        const passages = plain(lines.join('\n'));
        expect(passages.flatMap(({ text }) => text.match(/\S+/g))).toEqual(lines.join('\n').match(/\S+/g) ?? []);
        for (const passage of passages) {
          expect(passage.text.length).toBeLessThanOrEqual(MAX_PASSAGE_CHARACTERS);
          const firstWord = /\S+/.exec(passage.text)?.[0] ?? 'missing';
          expect(lines[passage.line - 1]).toContain(firstWord);
        }
      }),
      { seed: 20_250_101, numRuns: 200 },
    );
  });
});
