import { describe, expect, test } from 'vitest';
import { decompressLz4Block, decompressLz4Frame } from '../src/compression/lz4.js';
import { decompressSnappy } from '../src/compression/snappy.js';
import { canDecompressZstd, decompressZstd } from '../src/compression/zstd.js';

/** "abcabcabcabcabcabcabcd" by hand: three literals, a match of 18 bytes at a distance of 3, and a last literal. */
const LZ4_BLOCK = Uint8Array.of(0x3e, 0x61, 0x62, 0x63, 3, 0, 0x10, 0x64);
const LZ4_TEXT = `${'abc'.repeat(7)}d`;
const SNAPPY = Uint8Array.of(22, 0x08, 0x61, 0x62, 0x63, ((18 - 1) << 2) | 2, 3, 0, 0x00, 0x64);

describe('LZ4 and Snappy', () => {
  test('repeat matches that overlap', () => {
    expect(Buffer.from(decompressLz4Block(LZ4_BLOCK, 22)).toString()).toBe(LZ4_TEXT);
    expect(Buffer.from(decompressSnappy(SNAPPY, 22)).toString()).toBe(LZ4_TEXT);
  });

  test.each<[string, () => unknown, string]>([
    ['another length', () => decompressLz4Block(LZ4_BLOCK, 23), 'an LZ4 block of 22 bytes, expected 23'],
    ['too long a length', () => decompressLz4Block(LZ4_BLOCK, 21), 'beyond the end'],
    ['an impossible length', () => decompressLz4Block(LZ4_BLOCK, 2 ** 40), 'cannot come from 8 compressed ones'],
    [
      'a match before the start',
      () => decompressLz4Block(Uint8Array.of(0x10, 0x61, 2, 0), 9),
      'a match beyond the data',
    ],
    ['a distance of 0', () => decompressLz4Block(Uint8Array.of(0x10, 0x61, 0, 0), 9), 'a match beyond the data'],
    ['a cut length', () => decompressLz4Block(Uint8Array.of(0xf0, 255), 300), 'ends in a length'],
    ['no frame', () => decompressLz4Frame(new Uint8Array(20), 1), 'not an LZ4 frame'],
    ['another length of Snappy', () => decompressSnappy(SNAPPY, 23), 'Snappy data of 22 bytes, expected 23'],
    ['cut Snappy data', () => decompressSnappy(SNAPPY.subarray(0, 5), 22), 'of 3 bytes, expected 22'],
    [
      'a Snappy match before the start',
      () => decompressSnappy(Uint8Array.of(4, 0x0e, 1, 0), 4),
      'a match beyond the data',
    ],
    ['an endless Snappy length', () => decompressSnappy(new Uint8Array(9).fill(255), 1), 'ends in its length'],
  ])('refuse %s', (_name, run, message) => {
    expect(run).toThrow(message);
  });
});

describe('Zstandard', () => {
  test('is available here, by Node.js or by the optional package', () => {
    expect(canDecompressZstd()).toBe(true);
  });

  test('refuses another length, a cut frame and something else', () => {
    const frame = zstdFrame(Buffer.from('some text'));
    expect(Buffer.from(decompressZstd(frame, 9)).toString()).toBe('some text');
    expect(() => decompressZstd(frame, 8)).toThrow(Error);
    expect(() => decompressZstd(frame, 10)).toThrow(Error);
    expect(() => decompressZstd(frame.subarray(0, -3), 9)).toThrow(Error);
    expect(() => decompressZstd(frame.subarray(1), 9)).toThrow(Error);
    expect(() => decompressZstd(frame, 2 ** 40)).toThrow('cannot come from');
  });

  /** A frame with one raw block. */
  function zstdFrame(text: Buffer): Buffer {
    const size = Buffer.alloc(3);
    size.writeUIntLE((text.length << 3) | 1, 0, 3);
    return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x20, text.length]), size, text]);
  }
});
