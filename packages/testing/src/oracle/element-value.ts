import type { VectorMatrix } from '@gearshift/contracts';

/** The value of an element of a matrix, by the definition of its type. */
export function elementValue({ dtype, scale = 1, values }: VectorMatrix, index: number): number {
  const element = values[index];
  switch (dtype) {
    case 'float16':
      return float16Value(element);
    case 'bfloat16':
      return bfloat16Value(element);
    case 'int8':
      return Math.fround(element * scale);
    default:
      return element;
  }
}

const float16Value = tabulated(5, 10);
const bfloat16Value = tabulated(8, 7);

/** {@link binaryValue} of 16 bits, worked out for all of them at the first call: oracles ask for millions. */
function tabulated(exponentBits: number, fractionBits: number): (bits: number) => number {
  let values: Float64Array | undefined;
  return (bits) => {
    values ??= Float64Array.from({ length: 2 ** 16 }, (_, every) => binaryValue(every, exponentBits, fractionBits));
    return values[bits];
  };
}

/** A number of IEEE 754 from its bits. */
function binaryValue(bits: number, exponentBits: number, fractionBits: number): number {
  const sign = Math.floor(bits / 2 ** (exponentBits + fractionBits)) === 1 ? -1 : 1;
  const exponent = Math.floor(bits / 2 ** fractionBits) % 2 ** exponentBits;
  const fraction = (bits % 2 ** fractionBits) / 2 ** fractionBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias));
}
