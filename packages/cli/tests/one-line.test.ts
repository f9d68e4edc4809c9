import { expect, test } from 'vitest';
import { oneLine, printable } from '../src/output/one-line.js';

test('printable keeps text and layout, and removes escape sequences', () => {
  expect(printable('a\tb\nc é 語')).toBe('a\tb\nc é 語');
  expect(printable('\u001b[2Jgone\u0007\u009b1m')).toBe('\ufffd[2Jgone\ufffd\ufffd1m');
});

test('oneLine joins lines and removes control characters', () => {
  expect(oneLine('  a\r\n  b\n\nc\u001b ')).toBe('a b c\ufffd');
});
