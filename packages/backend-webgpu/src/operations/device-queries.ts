import type { Metric } from '@gearshift/contracts';
import { isNormOfDevice } from '../residency/norm-range.js';

/** A vector with a smaller squared norm counts as a zero vector. */
const ZERO_SQUARED_NORM = 2 ** -126;

/** The queries of a request that a device can score. */
export interface DeviceQueries {
  /** Their numbers in the request. */
  readonly numbers: readonly number[];
  /** Padded to `quads * 4` elements each; of length 1 for cosine. */
  readonly values: Float32Array;
  /** The numbers of the others. */
  readonly left: readonly number[];
}

export function deviceQueries(metric: Metric, query: Float32Array, dimensions: number): DeviceQueries {
  const width = Math.ceil(dimensions / 4) * 4;
  const queries = query.length / dimensions;
  const values = new Float32Array(queries * width);
  const numbers: number[] = [];
  const left: number[] = [];
  for (let q = 0; q < queries; q++) {
    const from = query.subarray(q * dimensions, (q + 1) * dimensions);
    let squaredNorm = 0;
    for (const element of from) squaredNorm += element * element;
    if (!isOfDevice(metric, squaredNorm)) {
      left.push(q);
      continue;
    }
    const at = numbers.length * width;
    const norm = metric === 'cosine' ? Math.sqrt(squaredNorm) : 1;
    for (let i = 0; i < dimensions; i++) values[at + i] = from[i] / norm;
    numbers.push(q);
  }
  return { numbers, values: values.subarray(0, numbers.length * width), left };
}

/** The query at a place, alone. */
export function queryAt({ numbers, values }: DeviceQueries, place: number): DeviceQueries {
  const width = values.length / numbers.length;
  return { numbers: [numbers[place]], values: values.subarray(place * width, (place + 1) * width), left: [] };
}

function isOfDevice(metric: Metric, squaredNorm: number): boolean {
  // The length of a query does not matter for cosine, unless it is that of a zero vector.
  if (metric === 'cosine') return squaredNorm >= ZERO_SQUARED_NORM && squaredNorm < Infinity;
  if (metric === 'euclidean' && squaredNorm === 0) return true;
  return isNormOfDevice(squaredNorm);
}
