import { clusteredValues, createRandom, randomValues } from '@gearshift/testing';

/** Rows that are hard for bounds, each kind for another reason. */
export const SETS: Readonly<Record<string, (rows: number, dimensions: number, seed: number) => Float32Array>> = {
  random: (rows, dimensions, seed) => randomValues(rows * dimensions, seed),
  clustered: (rows, dimensions, seed) => clusteredValues({ rows, dimensions, clusters: 30, deviation: 0.2, seed }),
  'near ties': (rows, dimensions, seed) => {
    const base = randomValues(dimensions, seed);
    const noise = randomValues(rows * dimensions, seed + 1);
    return noise.map((value, i) => base[i % dimensions] + 2e-6 * value);
  },
  // All scores of cosine and dot are 0, and so are their bounds.
  zero: (rows, dimensions) => new Float32Array(rows * dimensions),
  duplicates: (rows, dimensions, seed) => {
    const kinds = randomValues(17 * dimensions, seed);
    const values = new Float32Array(rows * dimensions);
    for (let row = 0; row < rows; row++) {
      const kind = (row * 7) % 17;
      values.set(kinds.subarray(kind * dimensions, (kind + 1) * dimensions), row * dimensions);
    }
    return values;
  },
  'very different norms': (rows, dimensions, seed) => {
    const values = randomValues(rows * dimensions, seed);
    const random = createRandom(seed);
    for (let row = 0; row < rows; row++) {
      const factor = row % 50 === 0 ? 0 : 2 ** (random.integer(50) - 25);
      for (let i = 0; i < dimensions; i++) values[row * dimensions + i] *= factor;
    }
    return values;
  },
  'one large element': (rows, dimensions, seed) => {
    const values = randomValues(rows * dimensions, seed);
    for (let row = 0; row < rows; row++) values[row * dimensions + (row % dimensions)] += 1000;
    return values;
  },
  'codes without a rest': (rows, dimensions, seed) => {
    // int8 has a scale of 3 and float16 eleven bits for them: nothing but rounding separates scores and products.
    const random = createRandom(seed);
    const values = new Float32Array(rows * dimensions);
    for (let i = 0; i < values.length; i++) values[i] = i % dimensions === 5 ? 381 : 3 * (random.integer(255) - 127);
    return values;
  },
};
