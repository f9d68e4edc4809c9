import { isUtf8 } from 'node:buffer';
import { SNIFF_BYTES, type TextEncoding } from './sniff-text.js';

/** Windows-1252 for the bytes 0x80 to 0x9f. The five bytes without a character stay control characters, as in the WHATWG standard. */
const WINDOWS_1252 = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ';

/** Decodes a whole text file, without its byte order mark. `encoding` is the result of `sniffText`. */
export function decodeText(bytes: Uint8Array, encoding: TextEncoding): string {
  if (encoding === 'windows-1252' || (encoding === 'utf-8' && isLateWestern(bytes))) return decodeWindows1252(bytes);
  return new TextDecoder(encoding).decode(bytes);
}

/** Not by TextDecoder: those of Node 20 and 22 decode windows-1252 as Latin-1. */
function decodeWindows1252(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  return text.replace(/[\u0080-\u009f]/g, (character) => WINDOWS_1252[character.charCodeAt(0) - 0x80]);
}

/** Whether the first byte above 0x7f comes after the examined part, and the text is not UTF-8. */
function isLateWestern(bytes: Uint8Array): boolean {
  return bytes.length > SNIFF_BYTES && bytes.subarray(0, SNIFF_BYTES).every((byte) => byte < 0x80) && !isUtf8(bytes);
}
