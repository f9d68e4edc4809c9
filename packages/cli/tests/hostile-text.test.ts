import { describe, expect, test } from 'vitest';
import { decodeText } from '../src/corpus/decode-text.js';
import { sniffText } from '../src/corpus/sniff-text.js';
import { splitPassages } from '../src/corpus/split-passages.js';
import { meaningfulWords, tokenize } from '../src/embedding/tokenize.js';
import { FeatureExtractor } from '../src/embedding/text-features.js';
import { jsonLine, oneLine, printable } from '../src/output/one-line.js';

/** What backtracking expressions are slow on: long runs of what they repeat, with and without an end that does not match. */
const PATTERNS: Readonly<Record<string, (count: number) => string>> = {
  spaces: (count) => `a${' '.repeat(count)}a`,
  'spaces without an end': (count) => ' '.repeat(count),
  tabs: (count) => `a${'\t'.repeat(count)}a`,
  'line feeds': (count) => `a${'\n'.repeat(count)}a`,
  'spaces and line feeds': (count) => ' \n'.repeat(count / 2),
  'carriage returns': (count) => '\r'.repeat(count),
  'a heading of spaces': (count) => `# ${' '.repeat(count)}`,
  'a heading of spaces with an end': (count) => `# a${' '.repeat(count)}a`,
  'headings of 800 spaces': (count) => `# a${' '.repeat(800)}a\n`.repeat(count / 800),
  'headings of 800 tabs and marks': (count) => `# ${'\t#'.repeat(400)}a\n`.repeat(count / 800),
  'number signs': (count) => '#'.repeat(count),
  'number signs with an end': (count) => `# a ${'#'.repeat(count)}a`,
  fences: (count) => '```\n'.repeat(count / 4),
  'a long fence': (count) => '`'.repeat(count),
  tildes: (count) => '~'.repeat(count),
  'one word': (count) => 'a'.repeat(count),
  'changes of case': (count) => 'aB'.repeat(count / 2),
  'digits and capitals': (count) => '1A'.repeat(count / 2),
  accents: (count) => 'e\u0301'.repeat(count / 2),
  'only accents': (count) => '\u0301'.repeat(count),
  'ligatures that decompose': (count) => '\ufdfa'.repeat(count / 8),
  'bidirectional controls': (count) => '\u202e'.repeat(count),
  quotes: (count) => "'".repeat(count),
  braces: (count) => '{'.repeat(count),
  'a dictionary of keys': (count) => `{${"'descr'".repeat(count / 8)}}`,
  'keys and spaces': (count) => `{'shape': (${'1, '.repeat(count / 4)}`,
};

const markdown = { markdown: true };
const READERS: Readonly<Record<string, (text: string) => unknown>> = {
  splitPassages: (text) => splitPassages(text, markdown),
  tokenize,
  meaningfulWords,
  'FeatureExtractor.extract': (text) => new FeatureExtractor().extract(text.slice(0, 50_000)),
  oneLine,
  printable,
  jsonLine,
  sniffText: (text) => sniffText(Buffer.from(text)),
  decodeText: (text) => decodeText(Buffer.from(text), 'windows-1252'),
};

const SHORT = 8000;
const FACTOR = 16;

/** In CPU time of this process, of which other processes take none. */
function fastestMs(run: () => unknown): number {
  const times = [1, 2, 3].map(() => {
    const started = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(started);
    return (user + system) / 1000;
  });
  return Math.min(...times);
}

describe.each(Object.entries(READERS))('%s', (_name, read) => {
  test.each(Object.entries(PATTERNS))('takes time in proportion to the length of: %s', (_pattern, make) => {
    const short = make(SHORT);
    const long = make(SHORT * FACTOR);
    const shortMs = fastestMs(() => read(short));
    // Quadratic work takes 256 times as long here, and cubic work 4096 times: far more than a busy machine can explain.
    expect(fastestMs(() => read(long))).toBeLessThan(shortMs * FACTOR * 5 + 1000);
  });
});

test('a heading of 800 spaces does not take seconds', () => {
  expect(fastestMs(() => splitPassages(`# ${' '.repeat(800)}x`, markdown))).toBeLessThan(2000);
});
