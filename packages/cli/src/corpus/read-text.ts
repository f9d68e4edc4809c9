import { openRegularFile } from '../files/open-regular-file.js';
import { decodeText } from './decode-text.js';
import { SNIFF_BYTES, sniffText } from './sniff-text.js';

/** Larger files usually contain data, and the passages of one of them would outnumber all others. */
export const MAX_FILE_BYTES = 4 * 1024 * 1024;

export type TextFile =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'binary' }
  | { readonly kind: 'too-large'; readonly fileBytes: number };

/**
 * Reads and decodes a text file, without its byte order mark. Binary files are recognised by their first block, so each
 * costs only one short read.
 *
 * @throws UserError if it is not a regular file
 * @throws the error of the file system if the file cannot be read
 */
export async function readText(path: string, maxFileBytes = MAX_FILE_BYTES): Promise<TextFile> {
  const file = await openRegularFile(path);
  try {
    // A little more than the sample, so that the end of the sample differs from the end of the file.
    const head = new Uint8Array(SNIFF_BYTES + 8);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    if (sniffText(head.subarray(0, bytesRead)) === undefined) return { kind: 'binary' };
    const { size: fileBytes } = await file.stat();
    if (fileBytes > maxFileBytes) return { kind: 'too-large', fileBytes };
    const bytes = new Uint8Array(await file.readFile());
    const encoding = sniffText(bytes);
    if (encoding === undefined) return { kind: 'binary' };
    return { kind: 'text', text: decodeText(bytes, encoding) };
  } finally {
    await file.close();
  }
}
