export { powerLawGraph, uniformGraph, type GraphOptions } from './random-graphs.js';
export { clusteredValues, randomValues, type ClusteredOptions } from './random-vectors.js';
export { createRandom, type SeededRandom } from './seeded-random.js';
