const single = new Float32Array(1);
const bitsOfSingle = new Uint32Array(single.buffer);

/** The bits of the float16 that is nearest to a number; ties go to the even one, and what is too large becomes infinite. */
export function toFloat16Bits(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (size >= 65_520) return sign | 0x7c00; // halfway between the largest float16 and 2 ** 16
  if (size < 2 ** -14) return sign | roundToEven(size * 2 ** 24); // may round up to the smallest normal number
  const exponent = exponentOf(size);
  // 1024 to 2048. A 2048 carries into the exponent, which is right.
  const significand = roundToEven(size * 2 ** (10 - exponent));
  return sign | (((exponent + 15) << 10) + (significand - 1024));
}

/** Widens float16 to float32. Exact: infinities and signed zeros stay, and a NaN stays a NaN. */
export function float16ToFloat32(
  bits: Uint16Array,
  output: Float32Array = new Float32Array(bits.length),
): Float32Array {
  const Float16Array = nativeFloat16Array();
  if (Float16Array !== undefined) {
    output.set(new Float16Array(bits.buffer, bits.byteOffset, bits.length));
    return output;
  }
  const words = new Uint32Array(output.buffer, output.byteOffset, output.length);
  for (let i = 0; i < bits.length; i++) {
    const sign = (bits[i] & 0x8000) << 16;
    const size = bits[i] & 0x7fff;
    if (size >= 0x7c00) {
      words[i] = sign | 0x7f80_0000 | (size << 13); // infinite or NaN
    } else {
      // The fields of a float32 that is smaller by the difference of the exponents' offsets, 127 and 15. Subnormal numbers fit too.
      words[i] = size << 13;
      output[i] *= 2 ** 112;
      words[i] |= sign;
    }
  }
  return output;
}

/** Rounds numbers to float16: to the nearest one, ties to even, directly from float64, so that nothing is rounded twice. */
export function toFloat16(
  values: ArrayLike<number>,
  output: Uint16Array = new Uint16Array(values.length),
): Uint16Array {
  const Float16Array = nativeFloat16Array();
  if (Float16Array !== undefined) {
    new Float16Array(output.buffer, output.byteOffset, output.length).set(values);
    return output;
  }
  for (let i = 0; i < values.length; i++) output[i] = toFloat16Bits(values[i]);
  return output;
}

type Float16ArrayConstructor = new (
  buffer: ArrayBufferLike,
  byteOffset: number,
  length: number,
) => ArrayLike<number> & {
  set(values: ArrayLike<number>): void;
};

/** `Float16Array` of Node.js 24 and later. */
function nativeFloat16Array(): Float16ArrayConstructor | undefined {
  return (globalThis as { Float16Array?: Float16ArrayConstructor }).Float16Array;
}

/** The exponent of a normal float16 as a power of two, from the bits of the nearest float32. */
function exponentOf(size: number): number {
  single[0] = size;
  const exponent = (bitsOfSingle[0] >>> 23) - 127;
  // Rounding to float32 may have reached the next power of two.
  return size < 2 ** exponent ? exponent - 1 : exponent;
}

/** For numbers from 0 to 2 ** 52. */
function roundToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}
