/** Encodings a text file may have; the names are TextDecoder labels. */
export type TextEncoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252';

/** Only this much of a file is examined. */
export const SNIFF_BYTES = 8192;
/** Largest share of bytes above 0x7f in a Western text in a single-byte encoding. */
const MAX_HIGH_SHARE = 0.3;

/**
 * Detects the encoding of a text file from its first bytes; undefined for a binary file. File names are not reliable.
 *
 * A NUL or another control character that editors do not write means binary, as in git and grep. Other bytes that are not
 * UTF-8 count as an old Western text if few of them are above 0x7f.
 */
export function sniffText(bytes: Uint8Array): TextEncoding | undefined {
  const sample = bytes.subarray(0, SNIFF_BYTES);
  if (sample[0] === 0xff && sample[1] === 0xfe) return 'utf-16le';
  if (sample[0] === 0xfe && sample[1] === 0xff) return 'utf-16be';
  if (isPdf(sample)) return undefined;

  let highBytes = 0;
  for (const byte of sample) {
    if (isBinaryControl(byte)) return undefined;
    if (byte >= 0x80) highBytes += 1;
  }
  if (highBytes === 0 || isUtf8(sample, sample.length < bytes.length)) return 'utf-8';
  return highBytes / sample.length <= MAX_HIGH_SHARE ? 'windows-1252' : undefined;
}

/** Control characters other than those that text contains: bell to carriage return (7-13), escape (27). */
function isBinaryControl(byte: number): boolean {
  return byte < 7 || (byte > 13 && byte < 32 && byte !== 27) || byte === 127;
}

/** The first kilobytes of a PDF may look like text. */
function isPdf(sample: Uint8Array): boolean {
  return sample[0] === 0x25 && sample[1] === 0x50 && sample[2] === 0x44 && sample[3] === 0x46 && sample[4] === 0x2d;
}

function isUtf8(sample: Uint8Array, wasCut: boolean): boolean {
  try {
    // With `stream`, a character cut by the end of the sample is not an error.
    new TextDecoder('utf-8', { fatal: true }).decode(sample, { stream: wasCut });
    return true;
  } catch {
    return false;
  }
}
