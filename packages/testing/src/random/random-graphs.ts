import { graphFromEdges, type CsrGraph, type Edge } from '@gearshift/contracts';
import { createRandom, type SeededRandom } from './seeded-random.js';

export interface GraphOptions {
  readonly nodes: number;
  /** Mean number of incoming edges. */
  readonly edgesPerNode: number;
  readonly seed: number;
}

/** Both ends of each edge are drawn uniformly from the nodes; weights are uniform in [-1, 1). */
export function uniformGraph({ nodes, edgesPerNode, seed }: GraphOptions): CsrGraph {
  const random = createRandom(seed);
  return graphOf(nodes, edgesPerNode, random, () => random.integer(nodes));
}

/** A few nodes receive most edges and most receive none or one, as in real networks: the receiver's rank is log-uniform. */
export function powerLawGraph({ nodes, edgesPerNode, seed }: GraphOptions): CsrGraph {
  const random = createRandom(seed);
  return graphOf(nodes, edgesPerNode, random, () => Math.floor(nodes ** random.next()) - 1);
}

function graphOf(nodes: number, edgesPerNode: number, random: SeededRandom, drawReceiver: () => number): CsrGraph {
  const edges = Array.from({ length: nodes * edgesPerNode }, (): Edge => {
    return [random.integer(nodes), drawReceiver(), 2 * random.next() - 1];
  });
  return graphFromEdges(nodes, edges);
}
