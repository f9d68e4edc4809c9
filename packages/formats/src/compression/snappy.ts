import { copyMatch } from './lz4.js';

/**
 * Decompresses the raw Snappy format.
 *
 * @param length of the result
 * @throws Error if the data is damaged or does not have that length
 */
export function decompressSnappy(input: Uint8Array, length: number): Uint8Array {
  let from = 0;
  let stated = 0;
  for (let shift = 0; ; shift += 7) {
    if (from >= input.length || shift > 28) throw new Error('Snappy data that ends in its length');
    const byte = input[from++];
    stated += (byte & 0x7f) * 2 ** shift;
    if (byte < 128) break;
  }
  if (stated !== length) throw new Error(`Snappy data of ${stated} bytes, expected ${length}`);
  // A copy of 3 bytes makes 64 at most.
  if (length > input.length * 22) throw new Error(`${length} bytes cannot come from ${input.length} compressed ones`);
  const output = new Uint8Array(length);
  let to = 0;
  while (from < input.length) {
    const tag = input[from++];
    const kind = tag & 3;
    if (kind === 0) {
      let literals = (tag >> 2) + 1;
      if (literals > 60) {
        const bytes = literals - 60;
        literals = 1 + readLittleEndian(input, from, bytes);
        from += bytes;
      }
      if (from + literals > input.length || to + literals > length) throw new Error('Snappy literals beyond the end');
      output.set(input.subarray(from, from + literals), to);
      from += literals;
      to += literals;
      continue;
    }
    const bytes = kind === 3 ? 4 : kind;
    const offset = readLittleEndian(input, from, bytes);
    from += bytes;
    const distance = kind === 1 ? ((tag >> 5) << 8) | offset : offset;
    const copied = kind === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
    copyMatch(output, to, distance, copied);
    to += copied;
  }
  if (to !== length) throw new Error(`Snappy data of ${to} bytes, expected ${length}`);
  return output;
}

function readLittleEndian(input: Uint8Array, from: number, bytes: number): number {
  if (from + bytes > input.length) throw new Error('Snappy data that ends in a number');
  let value = 0;
  for (let i = 0; i < bytes; i++) value += input[from + i] * 2 ** (8 * i);
  return value;
}
