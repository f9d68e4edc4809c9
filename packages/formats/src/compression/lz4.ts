const FRAME_MAGIC = 0x184d2204;
/** A match has at least this many bytes. */
const MIN_MATCH = 4;

/**
 * Decompresses an LZ4 frame.
 *
 * @param length of the result
 * @throws Error if the frame is damaged or does not have that length
 */
export function decompressLz4Frame(input: Uint8Array, length: number): Uint8Array {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  if (view.getUint32(0, true) !== FRAME_MAGIC) throw new Error('not an LZ4 frame');
  const flags = view.getUint8(4);
  if (flags >> 6 !== 1) throw new Error('an LZ4 frame of an unknown version');
  const hasBlockChecksums = (flags & 0x10) !== 0;
  const hasContentSize = (flags & 0x08) !== 0;
  if ((flags & 0x01) !== 0) throw new Error('an LZ4 frame with a dictionary');
  let position = 7 + (hasContentSize ? 8 : 0);
  const output = allocateOutput(input, length);
  let filled = 0;
  for (;;) {
    const size = view.getUint32(position, true);
    position += 4;
    if (size === 0) break;
    const end = position + (size & 0x7fff_ffff);
    if (end > input.length) throw new Error('an LZ4 block beyond the end');
    const block = input.subarray(position, end);
    if (size >>> 31 === 1) {
      if (filled + block.length > length) throw new Error('an LZ4 frame with too many bytes');
      output.set(block, filled);
      filled += block.length;
    } else {
      filled = decompressBlock(block, output, filled);
    }
    position = end + (hasBlockChecksums ? 4 : 0);
  }
  if (filled !== length) throw new Error(`an LZ4 frame of ${filled} bytes, expected ${length}`);
  return output;
}

/** Decompresses a single LZ4 block of a known length. */
export function decompressLz4Block(input: Uint8Array, length: number): Uint8Array {
  const output = allocateOutput(input, length);
  const filled = decompressBlock(input, output, 0);
  if (filled !== length) throw new Error(`an LZ4 block of ${filled} bytes, expected ${length}`);
  return output;
}

/** No LZ4 data makes more than 255 bytes of one, so that a longer result is a lie. */
function allocateOutput(input: Uint8Array, length: number): Uint8Array {
  if (length > input.length * 255) throw new Error(`${length} bytes cannot come from ${input.length} compressed ones`);
  return new Uint8Array(length);
}

/** Appends to what is there already, which matches may refer to. Returns the new end. */
function decompressBlock(input: Uint8Array, output: Uint8Array, start: number): number {
  let from = 0;
  let to = start;

  const readLength = (initial: number): number => {
    let length = initial;
    if (initial < 15) return length;
    for (;;) {
      if (from >= input.length) throw new Error('an LZ4 block that ends in a length');
      const byte = input[from++];
      length += byte;
      if (byte < 255) return length;
    }
  };

  while (from < input.length) {
    const token = input[from++];
    const literals = readLength(token >> 4);
    if (from + literals > input.length || to + literals > output.length) throw new Error('LZ4 literals beyond the end');
    output.set(input.subarray(from, from + literals), to);
    from += literals;
    to += literals;
    if (from === input.length) return to; // the last sequence has no match
    if (from + 2 > input.length) throw new Error('an LZ4 block that ends in an offset');
    const distance = input[from] | (input[from + 1] << 8);
    from += 2;
    const length = MIN_MATCH + readLength(token & 15);
    copyMatch(output, to, distance, length);
    to += length;
  }
  return to;
}

/** Copies bytes from `distance` before the end to the end. They may overlap: a distance of 1 repeats one byte. */
export function copyMatch(output: Uint8Array, end: number, distance: number, length: number): void {
  if (distance === 0 || distance > end || end + length > output.length) throw new Error('a match beyond the data');
  if (distance >= length) {
    output.copyWithin(end, end - distance, end - distance + length);
    return;
  }
  for (let i = 0; i < length; i++) output[end + i] = output[end - distance + i];
}
