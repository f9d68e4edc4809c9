const single = new Float32Array(1);
const bitsOfSingle = new Uint32Array(single.buffer);

/** Widens bfloat16 (the upper half of a float32) to float32. Exact: infinities, signed zeros and NaN stay. */
export function bfloat16ToFloat32(
  bits: Uint16Array,
  output: Float32Array = new Float32Array(bits.length),
): Float32Array {
  const words = new Uint32Array(output.buffer, output.byteOffset, output.length);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i] << 16;
  return output;
}

/** Rounds numbers to bfloat16: to the nearest one, ties to even, directly from float64, so that nothing is rounded twice. */
export function toBfloat16(
  values: ArrayLike<number>,
  output: Uint16Array = new Uint16Array(values.length),
): Uint16Array {
  for (let i = 0; i < values.length; i++) output[i] = toBfloat16Bits(values[i]);
  return output;
}

/** The bits of the bfloat16 that is nearest to a number; ties go to the even one, and what is too large becomes infinite. */
function toBfloat16Bits(value: number): number {
  single[0] = value;
  let bits = bitsOfSingle[0];
  if (Number.isNaN(value)) return ((bits >>> 16) & 0x8000) | 0x7fc0;
  // Towards zero, but remembering in the last bit that something was cut ("round to odd"): the second rounding is then exact.
  if (Math.abs(single[0]) > Math.abs(value)) bits -= 1;
  if (single[0] !== value) bits |= 1;
  const lower = bits & 0xffff;
  const upper = bits >>> 16;
  return lower > 0x8000 || (lower === 0x8000 && upper % 2 === 1) ? upper + 1 : upper;
}
