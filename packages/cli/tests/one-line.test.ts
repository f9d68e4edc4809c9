import { expect, test } from 'vitest';
import { jsonLine, oneLine, printable } from '../src/output/one-line.js';

test('printable keeps text and layout, and removes escape sequences', () => {
  expect(printable('a\tb\nc é 語')).toBe('a\tb\nc é 語');
  expect(printable('\u001b[2Jgone\u0007\u009b1m')).toBe('\ufffd[2Jgone\ufffd\ufffd1m');
});

const BIDI = '\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069';

test('printable replaces characters that change the direction or the lines of a text', () => {
  expect(printable(`a${BIDI}\u2028\u2029b`)).toBe(`a${'\ufffd'.repeat(14)}b`);
  // Joiners, which scripts and emoji need, and right-to-left letters stay.
  expect(printable('\u05d0\u200d\u200c👩‍💻')).toBe('\u05d0\u200d\u200c👩‍💻');
});

test('jsonLine escapes what is not safe to print and keeps the value', () => {
  const value = { name: `a${BIDI}\u2028\u009b\u007f\n\u001b` };
  const line = jsonLine(value);
  expect(line).toBe(`${printable(line).trimEnd()}\n`);
  expect(line.trimEnd()).not.toContain('\n');
  expect(JSON.parse(line)).toEqual(value);
});

test('oneLine treats every separator of lines as a space', () => {
  expect(oneLine('a\u2028b \n \n c')).toBe('a b c');
});

test('oneLine joins lines and removes control characters', () => {
  expect(oneLine('  a\r\n  b\n\nc\u001b ')).toBe('a b c\ufffd');
});
