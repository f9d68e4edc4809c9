import { createRandom } from './seeded-random.js';

/** Independent standard normal elements, in an array of the caller's own. */
export function randomValues(elementCount: number, seed: number): Float32Array {
  return drawnBefore(`values ${elementCount} ${seed}`, () => {
    const random = createRandom(seed);
    const values = new Float32Array(elementCount);
    for (let i = 0; i < elementCount; i++) values[i] = random.normal();
    return values;
  });
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
  return drawnBefore(`clusters ${[rows, dimensions, clusters, deviation, seed].join(' ')}`, () => {
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
  });
}

/** Elements kept in all: 64 MB. */
const MOST_KEPT = 2 ** 24;
const kept = new Map<string, Float32Array>();
let keptElements = 0;

/** A copy of what the same arguments gave before. A contract suite asks for the same large arrays for each backend. */
function drawnBefore(key: string, draw: () => Float32Array): Float32Array {
  const known = kept.get(key);
  if (known !== undefined) return known.slice();
  const drawn = draw();
  if (keptElements + drawn.length > MOST_KEPT) return drawn;
  keptElements += drawn.length;
  kept.set(key, drawn);
  return drawn.slice();
}
