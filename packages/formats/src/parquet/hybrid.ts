/**
 * Decodes the hybrid of run lengths and packed bits: `output.length` integers of `width` bits from the bytes `start` to `end`.
 *
 * @returns the position after the last run
 * @throws Error if the data ends too early
 */
export function decodeHybrid(
  bytes: Uint8Array,
  start: number,
  end: number,
  width: number,
  output: Uint8Array | Uint32Array,
): number {
  if (width > 32) throw new Error(`integers of ${width} bits`);
  let position = start;
  let filled = 0;
  while (filled < output.length) {
    let header = 0;
    for (let factor = 1; ; factor *= 128) {
      if (position >= end || factor > 2 ** 28) throw new Error('a run that ends in its length');
      const byte = bytes[position++];
      header += (byte & 127) * factor;
      if (byte < 128) break;
    }
    const count = Math.floor(header / 2);
    if (header % 2 === 0) {
      const valueBytes = Math.ceil(width / 8);
      if (position + valueBytes > end) throw new Error('a run that ends in its value');
      let value = 0;
      for (let i = 0; i < valueBytes; i++) value += bytes[position++] * 2 ** (8 * i);
      const runEnd = Math.min(output.length, filled + count);
      output.fill(value, filled, runEnd);
      filled = runEnd;
    } else {
      const wanted = Math.min(count * 8, output.length - filled);
      if (position + Math.ceil((wanted * width) / 8) > end) throw new Error('packed values beyond the end');
      unpack(bytes, position, width, output.subarray(filled, filled + wanted));
      filled += wanted;
      // The padding of the last group may be missing.
      position = Math.min(end, position + count * width);
    }
  }
  return position;
}

/** Integers of `width` bits, the lowest bit first. */
function unpack(bytes: Uint8Array, start: number, width: number, output: Uint8Array | Uint32Array): void {
  if (width === 1) {
    for (let i = 0; i < output.length; i++) output[i] = (bytes[start + (i >> 3)] >> (i & 7)) & 1;
    return;
  }
  let position = start;
  let buffered = 0; // a number below 2 ** 40, so no bit operations
  let bits = 0;
  const range = 2 ** width;
  for (let i = 0; i < output.length; i++) {
    while (bits < width) {
      buffered += bytes[position++] * 2 ** bits;
      bits += 8;
    }
    output[i] = buffered % range;
    buffered = Math.floor(buffered / range);
    bits -= width;
  }
}

/** Bits of an integer from 0 to `maximum`. */
export function widthOf(maximum: number): number {
  return 32 - Math.clz32(maximum);
}
