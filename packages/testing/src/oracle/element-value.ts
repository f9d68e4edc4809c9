import type { VectorMatrix } from '@gearshift/contracts';

/** The value of an element of a matrix, by the definition of its type. */
export function elementValue({ dtype, scale = 1, values }: VectorMatrix, index: number): number {
  const element = values[index];
  switch (dtype) {
    case 'float16':
      return binaryValue(element, 5, 10);
    case 'bfloat16':
      return binaryValue(element, 8, 7);
    case 'int8':
      return Math.fround(element * scale);
    default:
      return element;
  }
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
