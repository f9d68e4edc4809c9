/** On a device the squares of larger elements could overflow, and those of smaller ones be flushed to zero. */
const LEAST_SQUARED_NORM = 2 ** -60;
const MOST_SQUARED_NORM = 2 ** 80;

/** Whether a device computes with a vector of this squared norm; others, but for vectors of zeros, are left to the host. */
export function isNormOfDevice(squaredNorm: number): boolean {
  return squaredNorm >= LEAST_SQUARED_NORM && squaredNorm <= MOST_SQUARED_NORM;
}
