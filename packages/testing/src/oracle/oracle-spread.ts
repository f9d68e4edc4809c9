import type { PreparedSpreadActivation } from '@gearshift/contracts';
import { AccurateSum } from './accurate-sum.js';
import type { OracleScore } from './oracle-scores.js';

const UNIT_ROUNDOFF = 2 ** -24;
const SMALLEST_NORMAL = 2 ** -126;

/**
 * The activations of the requested nodes, in double precision through all hops.
 *
 * The bound of a node includes the bounds of the received values and adds the rounding of its own hop: a sum of n products
 * of up to three factors, (n + 4) * u of the magnitudes, twice. When a value is so close to the threshold that rounding
 * decides, both the value and 0 are within the bound.
 */
export function oracleSpread(request: PreparedSpreadActivation): OracleScore[] {
  const { graph, activations, hops, decay, retention, threshold, start, end } = request;
  let nodes = Array.from(activations, (score): OracleScore => ({ score, bound: 0 }));
  for (let hop = 0; hop < hops; hop++) {
    const before = nodes;
    nodes = before.map((own, node) => {
      const received = new AccurateSum();
      let magnitudes = Math.abs(retention * own.score);
      let carried = Math.abs(retention) * own.bound;
      const [first, last] = [graph.rowPointers[node], graph.rowPointers[node + 1]];
      for (let edge = first; edge < last; edge++) {
        const sender = before[graph.columns[edge]];
        received.add(graph.weights[edge] * sender.score);
        magnitudes += Math.abs(decay * graph.weights[edge] * sender.score);
        carried += Math.abs(decay * graph.weights[edge]) * sender.bound;
      }
      const score = retention * own.score + decay * received.value;
      const rounding = 2 * (last - first + 4) * (UNIT_ROUNDOFF * magnitudes + SMALLEST_NORMAL);
      const bound = carried + rounding;
      const distance = Math.abs(Math.abs(score) - threshold);
      if (threshold > 0 && distance <= bound + UNIT_ROUNDOFF * threshold)
        return { score, bound: Math.abs(score) + bound };
      return Math.abs(score) < threshold ? { score: 0, bound: 0 } : { score, bound };
    });
  }
  return nodes.slice(start, end);
}
