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

  test('rejects with the error of the file system', async () => {
    await expect(readText('/no/such/file')).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
