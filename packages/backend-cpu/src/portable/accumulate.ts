/*
 * Sums over one row and one query, in double precision: products of two float32 are exact, and their sums do not overflow for
 * finite input. Four accumulators each, because each addition to a single one would wait for the one before; a rest of up to
 * three elements goes to the first. The order depends only on the length, so a score always has the same bits.
 */

export function dotProduct(a: Float32Array, aStart: number, b: Float32Array, bStart: number, length: number): number {
  let sum0 = 0;
  let sum1 = 0;
  let sum2 = 0;
  let sum3 = 0;
  let i = 0;
  for (; i + 3 < length; i += 4) {
    sum0 += a[aStart + i] * b[bStart + i];
    sum1 += a[aStart + i + 1] * b[bStart + i + 1];
    sum2 += a[aStart + i + 2] * b[bStart + i + 2];
    sum3 += a[aStart + i + 3] * b[bStart + i + 3];
  }
  for (; i < length; i++) sum0 += a[aStart + i] * b[bStart + i];
  return sum0 + sum1 + (sum2 + sum3);
}

export function squaredNorm(a: Float32Array, start: number, length: number): number {
  return dotProduct(a, start, a, start, length);
}

export function squaredDistance(
  a: Float32Array,
  aStart: number,
  b: Float32Array,
  bStart: number,
  length: number,
): number {
  let sum0 = 0;
  let sum1 = 0;
  let sum2 = 0;
  let sum3 = 0;
  let i = 0;
  for (; i + 3 < length; i += 4) {
    const difference0 = a[aStart + i] - b[bStart + i];
    const difference1 = a[aStart + i + 1] - b[bStart + i + 1];
    const difference2 = a[aStart + i + 2] - b[bStart + i + 2];
    const difference3 = a[aStart + i + 3] - b[bStart + i + 3];
    sum0 += difference0 * difference0;
    sum1 += difference1 * difference1;
    sum2 += difference2 * difference2;
    sum3 += difference3 * difference3;
  }
  for (; i < length; i++) {
    const difference = a[aStart + i] - b[bStart + i];
    sum0 += difference * difference;
  }
  return sum0 + sum1 + (sum2 + sum3);
}
