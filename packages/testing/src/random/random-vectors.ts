import { createRandom } from './seeded-random.js';

/** Independent standard normal elements. */
export function randomValues(elementCount: number, seed: number): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from({ length: elementCount }, () => random.normal());
}

export interface ClusteredOptions {
  readonly rows: number;
  readonly dimensions: number;
  readonly clusters: number;
  /** Standard deviation around the centres; that of the centres' elements is 1. Default 0.1. */
  readonly deviation?: number;
  readonly seed: number;
}

/** Rows in clusters, like embeddings of real text: many of the best scores are close to each other. */
export function clusteredValues({ rows, dimensions, clusters, deviation = 0.1, seed }: ClusteredOptions): Float32Array {
  const random = createRandom(seed);
  const centres = randomValues(clusters * dimensions, seed + 1);
  const values = new Float32Array(rows * dimensions);
  for (let row = 0; row < rows; row++) {
    const centre = random.integer(clusters) * dimensions;
    for (let i = 0; i < dimensions; i++) {
      values[row * dimensions + i] = centres[centre + i] + deviation * random.normal();
    }
  }
  return values;
}
