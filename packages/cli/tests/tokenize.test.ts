import { describe, expect, test } from 'vitest';
import { meaningfulWords, tokenize } from '../src/embedding/tokenize.js';

describe('tokenize', () => {
  test.each([
    ['Words, in ORDER!', ['words', 'in', 'order']],
    ['Élan vital, façade', ['elan', 'vital', 'facade']],
    ['createMatrix(values: Float32Array)', ['create', 'matrix', 'values', 'float32', 'array']],
    ['snake_case and dotted.names', ['snake', 'case', 'and', 'dotted', 'names']],
    ['ﬁle № 42', ['file', 'no', '42']],
    ['Привет, 世界', ['привет', '世界']],
    ['?! --', []],
  ])('splits "%s" into words', (text, words) => {
    expect(tokenize(text)).toEqual(words);
  });
});

describe('meaningfulWords', () => {
  test('removes function words, unless the text has no others', () => {
    expect(meaningfulWords('How does the breaker open?')).toEqual(['breaker', 'open']);
    expect(meaningfulWords('to be or not to be')).toEqual(['to', 'be', 'or', 'not', 'to', 'be']);
  });
});
