/** Values of a page. */
const MAX_MINIBLOCK = 2 ** 16;

/**
 * Decodes DELTA_BINARY_PACKED integers.
 *
 * @returns the integers, which have wrapped around as 64-bit ones, and the position after them
 * @throws Error if the data ends too early or has another number of values
 */
export function decodeDelta(
  bytes: Uint8Array,
  start: number,
  count: number,
): { readonly values: BigInt64Array; readonly end: number } {
  let position = start;

  const byte = (): number => {
    if (position >= bytes.length) throw new Error('the end in packed differences');
    return bytes[position++];
  };
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const next = byte();
      value |= BigInt(next & 127) << shift;
      if (next < 128) return value;
    }
    throw new Error('an integer of more than 64 bits');
  };
  const zigzag = (): bigint => {
    const value = varint();
    return (value >> 1n) ^ -(value & 1n);
  };

  const blockSize = Number(varint());
  const miniblocks = Number(varint());
  const stated = Number(varint());
  const miniblockSize = blockSize / miniblocks;
  if (!(miniblockSize >= 8 && miniblockSize % 8 === 0 && miniblockSize <= MAX_MINIBLOCK)) {
    throw new Error(`blocks of ${blockSize} values in ${miniblocks} parts`);
  }
  if (stated !== count) throw new Error(`${stated} packed differences, expected ${count}`);
  const values = new BigInt64Array(count);
  let value = zigzag();
  if (count > 0) values[0] = value;
  for (let filled = 1; filled < count;) {
    const least = zigzag();
    if (position + miniblocks > bytes.length) throw new Error('the end in packed differences');
    const widths = bytes.subarray(position, (position += miniblocks));
    for (let part = 0; part < miniblocks && filled < count; part++) {
      const width = widths[part];
      const end = position + (miniblockSize * width) / 8;
      if (width > 64) throw new Error(`differences of ${width} bits`);
      const wanted = Math.min(miniblockSize, count - filled);
      if (position + Math.ceil((wanted * width) / 8) > bytes.length) throw new Error('the end in packed differences');
      for (let i = 0; i < wanted; i++) {
        value = BigInt.asIntN(64, value + least + readBits(bytes, position, i * width, width));
        values[filled++] = value;
      }
      position = Math.min(end, bytes.length);
    }
  }
  return { values, end: position };
}

function readBits(bytes: Uint8Array, start: number, firstBit: number, width: number): bigint {
  let value = 0n;
  for (let bit = 0; bit < width;) {
    const at = firstBit + bit;
    const taken = Math.min(8 - (at & 7), width - bit);
    const part = (bytes[start + (at >> 3)] >> (at & 7)) & ((1 << taken) - 1);
    value |= BigInt(part) << BigInt(bit);
    bit += taken;
  }
  return value;
}
