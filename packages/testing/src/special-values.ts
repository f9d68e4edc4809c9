const LARGEST = 2 ** 127 * (2 - 2 ** -23);

/** Elements at the limits of float32, by name. */
export const SPECIAL_ELEMENTS = {
  zero: 0,
  negativeZero: -0,
  smallestSubnormal: 2 ** -149,
  largestSubnormal: 2 ** -126 - 2 ** -149,
  smallestNormal: 2 ** -126,
  /** Its square is the squared norm from which a vector does not count as zero. */
  rootOfSmallestNormal: 2 ** -63,
  /** Its square overflows. */
  rootOfOverflow: 2 ** 64,
  largest: LARGEST,
  negativeLargest: -LARGEST,
  infinity: Infinity,
  negativeInfinity: -Infinity,
  nan: NaN,
} as const;

/**
 * For each special element one row with it among ordinary elements, and one row of only this element, as in a matrix with
 * broken rows.
 */
export function specialRows(dimensions: number): Float32Array {
  const elements = Object.values(SPECIAL_ELEMENTS);
  const values = new Float32Array(2 * elements.length * dimensions);
  elements.forEach((element, i) => {
    const mixed = 2 * i * dimensions;
    for (let d = 0; d < dimensions; d++) values[mixed + d] = Math.cos(d + i);
    values[mixed + ((3 * i) % dimensions)] = element;
    values.fill(element, mixed + dimensions, mixed + 2 * dimensions);
  });
  return values;
}
