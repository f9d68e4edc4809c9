import { describe, expect, test } from 'vitest';
import { sniffText } from '../src/corpus/sniff-text.js';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('sniffText', () => {
  test.each([
    ['ASCII', utf8('plain words\n\tand a tab'), 'utf-8'],
    ['an empty file', new Uint8Array(0), 'utf-8'],
    ['UTF-8', utf8('naïve café, 日本語'), 'utf-8'],
    ['UTF-16, little-endian', new Uint8Array([0xff, 0xfe, 0x41, 0x00]), 'utf-16le'],
    ['UTF-16, big-endian', new Uint8Array([0xfe, 0xff, 0x00, 0x41]), 'utf-16be'],
    ['Latin-1', new Uint8Array([...utf8('caf'), 0xe9, ...utf8(' au lait')]), 'windows-1252'],
    ['terminal colours', utf8('\u001b[1mbold\u001b[0m'), 'utf-8'],
  ])('recognises text: %s', (_name, bytes, encoding) => {
    expect(sniffText(bytes)).toBe(encoding);
  });

  test.each([
    ['a NUL byte', new Uint8Array([0x41, 0x00, 0x42])],
    ['a PNG', new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])],
    ['a PDF that begins with text', utf8('%PDF-1.7\n1 0 obj')],
    ['bytes above 0x7f that are not UTF-8', new Uint8Array(100).fill(0xc3)],
  ])('recognises a binary file: %s', (_name, bytes) => {
    expect(sniffText(bytes)).toBeUndefined();
  });

  test('accepts a character cut by the end of the sample, but not one cut by the end of the file', () => {
    // Each character has three bytes, so byte 8192 is inside a character.
    const japanese = utf8('語'.repeat(4000));
    expect(sniffText(japanese)).toBe('utf-8');
    expect(sniffText(japanese.subarray(0, 8191))).toBeUndefined();
  });
});
