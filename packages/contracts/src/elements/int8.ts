/** Widens int8 to float32: `value * scale`. */
export function int8ToFloat32(
  values: Int8Array,
  scale = 1,
  output: Float32Array = new Float32Array(values.length),
): Float32Array {
  for (let i = 0; i < values.length; i++) output[i] = values[i] * scale;
  return output;
}

/**
 * Rounds numbers to int8: `value / scale`, to the nearest integer, ties to even. What is beyond -127 and 127 becomes -127 or 127, so that
 * negation stays exact.
 *
 * @param scale of the result, such as that of {@link int8Scale}
 * @throws RangeError if a value is NaN, which int8 cannot express
 */
export function toInt8(
  values: ArrayLike<number>,
  scale: number,
  output: Int8Array = new Int8Array(values.length),
): Int8Array {
  if (!(scale > 0 && scale < Infinity)) throw new RangeError(`scale: expected a positive number, got ${scale}`);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] / scale;
    if (Number.isNaN(value)) throw new RangeError(`values: expected no NaN, got one at ${i}; int8 has none`);
    output[i] = Math.max(-127, Math.min(127, roundToEven(value)));
  }
  return output;
}

/**
 * The scale with which the largest of the values becomes 127: the best for a symmetric quantization. Values that are not finite do not
 * count; 1 if all are zero.
 */
export function int8Scale(values: ArrayLike<number>): number {
  return largestFinite(values) / 127 || 1;
}

/** The largest absolute value of those that are finite; 0 if there is none. */
export function largestFinite(values: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) {
    const size = Math.abs(values[i]);
    if (size > largest && size !== Infinity) largest = size;
  }
  return largest;
}

function roundToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 !== 0) ? below + 1 : below;
}
