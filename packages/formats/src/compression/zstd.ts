import zlib from 'node:zlib';
import { requireFrom, resolveFrom, searchPlaces } from '@gearshift/contracts/internal';

/** The part of `fzstd` that is used. */
interface Fzstd {
  readonly Decompress: new (onData: (chunk: Uint8Array) => void) => { push(chunk: Uint8Array, isLast: boolean): void };
}

/** Needed by Node.js before 22.15, which has no Zstandard. */
const PACKAGE = 'fzstd';

/** `zstdDecompressSync` of Node.js 22.15 and later. */
const native = (
  zlib as { zstdDecompressSync?: (input: Uint8Array, options: { readonly maxOutputLength: number }) => Uint8Array }
).zstdDecompressSync;

/** Whether Zstandard data can be decompressed: by Node.js, or by the optional package. */
export function canDecompressZstd(): boolean {
  return native !== undefined || resolveFrom(searchPlaces(import.meta.url), PACKAGE) !== undefined;
}

/** What to do if {@link canDecompressZstd} is false. */
export const ZSTD_REMEDY = `Zstandard needs Node.js 22.15 or later, or a package; to fix it: npm install ${PACKAGE}`;

/**
 * Decompresses Zstandard data.
 *
 * @param length of the result
 * @throws Error if the data is damaged or does not have that length
 */
export function decompressZstd(input: Uint8Array, length: number): Uint8Array {
  // A block of 4 bytes makes 128 KiB at most.
  if (length > input.length * 32_768)
    throw new Error(`${length} bytes cannot come from ${input.length} compressed ones`);
  const output =
    native === undefined
      ? decompressWithPackage(input, length)
      : native(input, { maxOutputLength: Math.max(1, length) });
  if (output.length !== length) throw new Error(`Zstandard data of ${output.length} bytes, expected ${length}`);
  return output;
}

function decompressWithPackage(input: Uint8Array, length: number): Uint8Array {
  const { Decompress } = requireFrom(searchPlaces(import.meta.url), PACKAGE) as Fzstd;
  requireSmallWindow(input, length);
  const chunks: Uint8Array[] = [];
  let total = 0;
  // In parts, so that a frame with more data than it should have ends early.
  const stream = new Decompress((chunk) => {
    total += chunk.length;
    if (total > length) throw new Error(`Zstandard data with more than ${length} bytes`);
    chunks.push(chunk);
  });
  stream.push(input, true);
  return Buffer.concat(chunks);
}

/** The package allocates the window that the frame asks for: its size, or 128 MiB at most, as in the reference implementation. */
function requireSmallWindow(input: Uint8Array, length: number): void {
  const [descriptor, window] = [input[4], input[5]];
  const isSingleSegment = (descriptor & 0x20) !== 0;
  if (!isSingleSegment) {
    if (window >> 3 > 17) throw new Error('a Zstandard frame with a window above 128 MiB');
    return;
  }
  const sizeBytes = 1 << (descriptor >> 6);
  const sizeStart = 5 + [0, 1, 2, 4][descriptor & 3];
  let size = sizeBytes === 2 ? 256 : 0;
  for (let i = 0; i < sizeBytes; i++) size += input[sizeStart + i] * 2 ** (8 * i);
  if (size !== length) throw new Error(`a Zstandard frame of ${size} bytes, expected ${length}`);
}
