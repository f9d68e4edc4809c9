import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readText } from '../src/corpus/read-text.js';
import { temporaryFolder } from './temporary-folder.js';

async function read(contents: string | Uint8Array, maxFileBytes?: number): ReturnType<typeof readText> {
  const folder = await temporaryFolder({ file: contents });
  return readText(join(folder, 'file'), maxFileBytes);
}

describe('readText', () => {
  test('decodes text without its byte order mark', async () => {
    expect(await read('\ufeffhé')).toEqual({ kind: 'text', text: 'hé' });
    expect(await read(new Uint8Array([0xff, 0xfe, 0xe9, 0x00]))).toEqual({ kind: 'text', text: 'é' });
    expect(await read(new Uint8Array([0x41, 0x42, 0x43, 0x44, 0xe9]))).toEqual({ kind: 'text', text: 'ABCDé' });
  });

  test('decodes every byte of windows-1252 by the WHATWG table', async () => {
    const bytes = Uint8Array.from({ length: 128 }, (_value, index) => 0x80 + index);
    const wanted =
      '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ' +
      Array.from({ length: 96 }, (_value, index) => String.fromCharCode(0xa0 + index)).join('');
    const ascii = new TextEncoder().encode('plain '.repeat(100));
    expect(await read(Buffer.concat([ascii, bytes]))).toEqual({ kind: 'text', text: 'plain '.repeat(100) + wanted });
  });

  test('recognises windows-1252 by a byte after the examined part', async () => {
    const ascii = 'plain text '.repeat(1000);
    expect(await read(Buffer.from(`${ascii}caf\u00e9`, 'latin1'))).toEqual({ kind: 'text', text: `${ascii}café` });
    expect(await read(`${ascii}café`)).toEqual({ kind: 'text', text: `${ascii}café` });
  });

  test('recognises a binary file with any name', async () => {
    expect(await read(new Uint8Array(20_000))).toEqual({ kind: 'binary' });
  });

  test('reads a long text if the sample ends inside a character', async () => {
    const text = 'a' + '語'.repeat(5000);
    expect(await read(text)).toEqual({ kind: 'text', text });
  });

  test('reads a file of exactly the largest size, and no larger one', async () => {
    expect(await read('12345', 5)).toEqual({ kind: 'text', text: '12345' });
    expect(await read('123456', 5)).toEqual({ kind: 'too-large', fileBytes: 6 });
  });

  test('reports a large binary file as binary', async () => {
    expect(await read(new Uint8Array(20), 5)).toEqual({ kind: 'binary' });
  });

  test('refuses what is not a regular file, without waiting', async () => {
    await expect(readText('/')).rejects.toThrow('expected a regular file, got a folder');
  });

  test('rejects with the error of the file system', async () => {
    await expect(readText('/no/such/file')).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
